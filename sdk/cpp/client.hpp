// One player's (or spectator's) side of a session: greets, keeps the world as the
// server shows it, sends commands, goes on from one battle to the next, and comes back
// by itself when the connection or the server goes away. Sans-I/O: a Connector opens sessions, calls bring
// what was heard, poll() does what is due. See ClientGroup for sockets.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/histogram.hpp"
#include "base/types.hpp"
#include "broadcast/state_decoder.hpp"
#include "client/battle_time.hpp"
#include "client/command_queue.hpp"
#include "client/statistics.hpp"
#include "env/random.hpp"
#include "transport/session.hpp"
#include "wire/frame.hpp"
#include "wire/lockstep_frame.hpp"
#include "wire/messages.hpp"

namespace drumline::client {

class Client;

struct ClientOptions {
  std::string name{};  ///< cut to what the protocol allows
  std::string game{};  ///< empty: whatever the battle plays
  BattleId battle{};   ///< 0: any that has room; so it is once that battle is over
  wire::SeatKind seat = wire::SeatKind::player;
  /// A spectator is sent what this seat of the first battle is sent; kNoPlayer: the whole map.
  PlayerSlot follow = kNoPlayer;
  std::optional<world::SyncModel> model{};  ///< none: as the battle is; only a spectator may choose
  std::string simulation_id{};              ///< of the simulation that this program runs; empty: none
  u64 rules_hash = 0;                       ///< of the rules that it runs; 0: it takes the battle's
  /// The session goes on when its battle ends, is left or refuses us: a further Hello
  /// follows on it. Otherwise the server closes it, and a new one is opened.
  bool keep_session = true;
  /// Comes back by itself: after a lost connection, and into a next battle after one.
  bool reconnect = true;
  i64 reconnect_first_ns = 100 * kMillisecondNs;  ///< doubles with each failure, with jitter
  i64 reconnect_most_ns = 2 * kSecondNs;
  i64 give_up_after_ns = 60 * kSecondNs;     ///< without a seat for so long it is lost for good
  i64 greeting_timeout_ns = 10 * kSecondNs;  ///< from the open session to the Welcome
  i64 ping_interval_ns = kSecondNs;
  i64 silence_ns = 10 * kSecondNs;  ///< nothing heard for so long: the connection is dead
  broadcast::DecoderLimits decoder{};
  /// When set, what the clients of a battle are sent alike is decoded once, there. Shared by the clients of
  /// one thread, and outlives them.
  broadcast::BodyStores* bodies = nullptr;
  /// When set, the time between state frames goes there (ns). Shared by the clients of one thread.
  Histogram* interarrival_ns = nullptr;
};

enum class ClientState : u8 {
  idle,        ///< start() was not called
  connecting,  ///< the transport's handshake
  greeting,    ///< Hello sent, no Welcome yet
  playing,     ///< seated, or watching
  between,     ///< the session is open, without a battle: join() or, by itself, the next Hello follows
  waiting,     ///< until it is time to connect again
  closed,      ///< left, or lost for good: see Client::lost()
};

/// Told of what happens; called from inside Client's calls. May call send(), join() and leave().
class ClientListener {
 public:
  virtual ~ClientListener() = default;
  /// Coming back, what the seat sees is shown before the seat is given back: client.world(), for which
  /// there is no seat yet. on_welcome follows.
  virtual void on_early_frame(Client&) {}
  /// Seated; again after each reconnect (welcome.resumed: in the same seat).
  virtual void on_welcome(Client&, const wire::Welcome&) {}
  /// A state frame was decoded; state() is new.
  virtual void on_frame(Client&) {}
  virtual void on_refused(Client&, const wire::Refused&) {}
  /// The battle is over, and the session goes on without one. May call join(); when it
  /// does not, the client joins a next battle by itself if it may (reconnect).
  virtual void on_battle_over(Client&, const wire::BattleOver&) {}
  virtual void on_roster(Client&, const wire::Roster&) {}
  virtual void on_scoreboard(Client&, const wire::Scoreboard&) {}
  /// Ticks take another time from pace.tick on; 100 percent of it after each Welcome.
  virtual void on_pace(Client&, const wire::Pace&) {}
  /// In lockstep: what a LockstepClient wants to hear.
  virtual void on_lockstep_frame(Client&, Bytes /*datagram*/) {}
  virtual void on_snapshot_part(Client&, const wire::SnapshotPart&) {}
  virtual void on_ticks(Client&, const wire::Ticks&) {}
  /// The connection is gone; the client comes back by itself unless it is closed().
  virtual void on_drop(Client&, transport::CloseCode, std::string_view /*reason*/) {}
};

/// Opens sessions for clients. The session's owner brings what it hears to the client.
class Connector {
 public:
  virtual ~Connector() = default;
  /// Starts a connection; on_open or on_close follows, never from inside this call.
  virtual Result<transport::Session*> connect(Client& client, TimeNs now) = 0;
};

/// One thread. Connector, listener and random outlive it.
class Client {
 public:
  Client(ClientOptions options, Connector& connector, ClientListener& listener, env::Random& random);

  void start(TimeNs now);
  /// Gives the seat up and closes.
  void leave(TimeNs now);
  /// Wants a seat in `battle` (0: any that has room) from here on: on this session, if it
  /// is open and kept, leaving the battle that is played; otherwise with the next one.
  void join(BattleId battle, TimeNs now);
  /// Gives the seat up and stays, without a battle, until join().
  void leave_battle(TimeNs now);
  /// Sends a command with the next sequence and the wall time in `wall_ms`; repeats
  /// it until the server shows it. Returns the sequence, 0 when not playing.
  u32 send(world::Command command, u64 wall_ms, TimeNs now);
  /// What send() is going to return.
  u32 next_sequence() const { return commands_.last_sequence() + 1; }

  // In lockstep, where state frames do not say so.

  /// The newest tick that was stepped: goes with every command, and at least every 100 ms.
  void set_sync(const wire::SyncAck& sync, TimeNs now);
  /// The ticks contain every command of ours up to this one: they are not repeated.
  void confirm(u32 sequence) { commands_.confirm(sequence); }
  /// On the reliable channel; nothing when there is no session.
  void tell(const wire::ClientMessage& message);

  /// Does what is due at `now`.
  void poll(TimeNs now);
  /// When poll() has something to do next.
  TimeNs deadline() const;

  // From the session's owner. What an earlier session of this client still says is ignored.
  void on_open(transport::Session& session, TimeNs now);
  void on_reliable(transport::Session& session, Bytes bytes, TimeNs now);
  void on_datagram(transport::Session& session, Bytes payload, TimeNs now);
  void on_close(transport::Session& session, transport::CloseCode code, std::string_view reason, TimeNs now);

  ClientState state() const { return state_; }
  bool playing() const { return state_ == ClientState::playing; }
  bool closed() const { return state_ == ClientState::closed; }
  /// The session is open and has been in a battle, though it may be between two just now.
  bool welcomed() const { return session_ != nullptr && welcomed_in_session_; }
  /// Closed without having left: why.
  bool lost() const { return closed() && !leaving_; }
  const std::string& last_error() const { return last_error_; }

  /// Of the newest session; its map_description is handed to on_welcome and not kept.
  const wire::Welcome& welcome() const { return welcome_; }
  /// How long ticks take, and what that makes of time.
  const BattleTime& battle_time() const { return battle_time_; }
  PlayerSlot player() const { return welcome_.player; }
  EntityId entity() const { return welcome_.entity; }
  /// The world as last shown; there is one from the first Welcome on.
  broadcast::StateDecoder& world() { return *decoder_; }
  /// Of the newest state frame.
  Tick tick() const { return last_tick_; }
  const ClientStatistics& statistics() const { return statistics_; }

 private:
  // A client with nothing to say acknowledges key frames at least this often (state-frame.md).
  static constexpr i64 kAckDelayNs = 100 * kMillisecondNs;

  bool needs_ping(TimeNs now);
  void connect(TimeNs now);
  void say_hello(TimeNs now);
  void await_welcome(TimeNs now);
  wire::Hello hello() const;
  bool show_early(wire::Welcome&& welcome, broadcast::Schema&& schema);
  void step_between(TimeNs now);
  void leave_now(TimeNs now);
  void try_again(transport::CloseCode code, const std::string& reason, TimeNs now);
  bool on_hello_refused(const wire::Refused& refused, TimeNs now);
  void forget_battle(BattleId battle);
  TimeNs after_pause(TimeNs now);
  void drop(transport::CloseCode code, const std::string& reason, TimeNs now);
  void close_session(transport::CloseCode code, std::string_view reason);
  void send_message(const wire::ClientMessage& message);
  void flush_commands(TimeNs now);
  bool on_payload(Bytes payload, TimeNs now);
  bool on_message(wire::Welcome&& welcome, TimeNs now);
  bool on_message(wire::Refused&& refused, TimeNs now);
  bool on_message(wire::Roster&& roster, TimeNs now);
  bool on_message(wire::Scoreboard&& board, TimeNs now);
  bool on_message(wire::Pong&& pong, TimeNs now);
  bool on_message(wire::Goodbye&& goodbye, TimeNs now);
  bool on_message(wire::SnapshotPart&& part, TimeNs now);
  bool on_message(wire::Ticks&& ticks, TimeNs now);
  bool on_message(wire::BattleOver&& over, TimeNs now);
  bool on_message(wire::Pace&& pace, TimeNs now);
  void count_frame(u32 tick, std::size_t bytes, TimeNs now);

  // What each state frame needs comes first and together: of thousands of clients in one process
  // none is in the caches when its frame comes.
  transport::Session* session_ = nullptr;
  ClientListener& listener_;
  TimeNs last_heard_ = 0;
  TimeNs last_frame_at_ = 0;
  Tick last_tick_ = 0;
  TimeNs next_ping_ = 0;
  TimeNs ack_deadline_ =
      CommandQueue::kNever;  ///< acknowledgements wait so long for a command to travel with
  ClientState state_ = ClientState::idle;
  bool frame_in_session_ = false;
  bool leaving_ = false;
  bool wants_battle_ = true;    ///< false after leave_battle()
  bool join_pending_ = false;   ///< asked for while a Hello had no answer yet: follows it
  bool greeted_early_ = false;  ///< the Hello went with the session's first packets
  bool sees_early_ = false;     ///< and was answered by the sight of the seat
  bool welcomed_before_ = false;
  bool welcomed_in_session_ = false;
  ClientStatistics statistics_;
  std::optional<broadcast::StateDecoder> decoder_;
  CommandQueue commands_;

  ClientOptions options_;
  Connector& connector_;
  env::Random& random_;
  std::optional<wire::FrameReader> reader_;
  wire::SyncAck sync_;  ///< in lockstep; tick 0: nothing to say
  wire::Welcome welcome_;
  BattleTime battle_time_;
  std::vector<std::byte> token_;  ///< for the next Hello; empty: join anew
  std::string last_error_;

  TimeNs next_attempt_ = 0;  ///< to connect, or, between battles, to say Hello
  TimeNs lost_since_ = 0;    ///< when the seat was lost; 0 while there is one or there never was
  TimeNs greeting_deadline_ = 0;
  i64 backoff_ns_ = 0;
  i64 retry_after_ns_ = 0;  ///< from a Goodbye
  u32 token_refusals_ = 0;  ///< in a row
  u32 pings_spared_ = 0;    ///< in a row
};

}  // namespace drumline::client
