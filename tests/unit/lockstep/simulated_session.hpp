// Two clients and a relay on a simulated network: latency, jitter, loss, reordering.
#pragma once

#include <deque>

#include "lockstep/lockstep_client.hpp"
#include "relay.hpp"

namespace drumline::lockstep::testing {

struct WayOptions {
  i64 latency_ns = 30 * kMillisecondNs;  ///< one way
  i64 jitter_ns = 0;                     ///< up to so much more; packets overtake each other
  u32 loss_percent = 0;
};

/// One way of a datagram.
template <class T>
class Way {
 public:
  void send(T packet, const WayOptions& options, world::Rng& rng, TimeNs now) {
    if (rng.below(u64{100}) < options.loss_percent) return;
    const auto jitter = static_cast<i64>(rng.below(static_cast<u64>(options.jitter_ns + 1)));
    packets_.emplace(now + options.latency_ns + jitter, std::move(packet));
  }
  template <class Receive>
  void deliver(TimeNs now, Receive receive) {
    while (!packets_.empty() && packets_.begin()->first <= now) {
      receive(packets_.begin()->second);
      packets_.erase(packets_.begin());
    }
  }

 private:
  std::multimap<TimeNs, T> packets_;
};

/// A player: a LockstepClient, and what Client and CommandQueue do around it.
class Player final : public LockstepListener {
 public:
  struct Packet {
    std::vector<world::Command> commands;
    wire::SyncAck sync;
    TimeNs ping = 0;
  };

  Player(u32 slot, const world::Game& game, const LockstepOptions& options)
      : client(game, options, *this), rng_(slot + 10) {}

  void on_started(Tick tick) override { started.push_back(tick); }
  void on_mismatch(const HashMismatch& mismatch) override { mismatches.push_back(mismatch); }
  void on_confirmed(const battle::TickOutcome& outcome) override {
    hashes[outcome.tick] = outcome.state_hash;
    for (const battle::Input& input : outcome.accepted) {
      if (input.player != player) continue;
      std::erase_if(kept_, [&](const Kept& kept) { return kept.command.sequence <= input.command.sequence; });
    }
  }
  void on_predicted(const battle::TickOutcome& outcome) override {
    predicted_hashes[outcome.tick] = outcome.state_hash;
  }

  /// What it sends at `now`, if anything.
  std::optional<Packet> play(TimeNs now) {
    const auto advanced = client.advance(now);
    EXPECT_TRUE(advanced.ok()) << advanced.error().message;
    std::erase_if(kept_, [](const Kept& kept) { return kept.sends == 4; });
    const i64 repeat_ns = kept_.empty() ? 48 * kMillisecondNs : kTickNs << (kept_.back().sends - 1);
    bool send = now - sent_at_ >= repeat_ns;
    if (client.running() && acts && now >= act_at_) {
      world::Command command = random_command(rng_);
      command.sequence = ++sequence_;
      kept_.push_back({client.issue(command, now)});
      act_at_ = now + static_cast<i64>(50 + rng_.below(u64{200})) * kMillisecondNs;
      send = true;
    }
    if (!send) return std::nullopt;
    sent_at_ = now;
    Packet packet{{}, client.sync(), now};
    for (std::size_t i = kept_.size() > 3 ? kept_.size() - 3 : 0; i < kept_.size(); ++i) {
      packet.commands.push_back(kept_[i].command);
      ++kept_[i].sends;
    }
    return packet;
  }

  LockstepClient client;
  PlayerSlot player;
  bool acts = true;
  std::vector<Tick> started;
  std::vector<HashMismatch> mismatches;
  std::map<Tick, u64> hashes;
  std::map<Tick, u64> predicted_hashes;

 private:
  struct Kept {
    world::Command command;
    u32 sends = 0;
  };

  world::Rng rng_;
  std::vector<Kept> kept_;
  u32 sequence_ = 0;
  TimeNs act_at_ = 0;
  TimeNs sent_at_ = 0;
};

class Session {
 public:
  explicit Session(std::array<WayOptions, 2> ways, const world::Game& second_game = duel::duel_game(),
                   const LockstepOptions& options = {}, u64 seed = 77)
      : ways(ways),
        players{Player(0, duel::duel_game(), options), Player(1, second_game, options)},
        rng_(seed) {
    for (u32 i = 0; i < 2; ++i) {
      players[i].player = PlayerSlot{i};
      players[i].client.begin(relay.welcome_for(i));
      give_state(i);
    }
  }

  void run(double seconds) {
    for (const TimeNs end = now_ + static_cast<i64>(seconds * 1e9); now_ < end; now_ += kMillisecondNs) {
      for (u32 i = 0; i < 2; ++i) exchange(i);
      if (now_ % kTickNs != 0) continue;
      relay.tick();
      for (u32 i = 0; i < 2; ++i) {
        if (relay.lost(i)) give_state(i);
        to_client_[i].send(relay.frame_for(i), ways[i], rng_, now_);
      }
    }
  }

  /// The connection breaks and the same seat is taken by a new one.
  void reconnect(u32 i) {
    to_server_[i] = {};
    to_client_[i] = {};
    pongs_[i] = {};
    parts_[i].clear();
    players[i].client.begin(relay.welcome_for(i));
    give_state(i);
  }

  void give_state(u32 i) {
    // The reliable channel brings it a little later than a datagram.
    TimeNs at = now_;
    for (auto& part : relay.state_for(i))
      parts_[i].emplace_back(at += 2 * ways[i].latency_ns, std::move(part));
  }

  void expect_equal_hashes(u32 i, Tick from = 2) {
    const Player& player = players[i];
    for (const auto& [tick, hash] : player.hashes) {
      if (tick >= from) {
        ASSERT_EQ(hash, relay.hash(tick)) << "player " << i << " tick " << tick;
      }
    }
    // None is missing.
    ASSERT_FALSE(player.hashes.empty());
    EXPECT_EQ(player.hashes.rbegin()->first - player.hashes.begin()->first + 1, player.hashes.size());
    EXPECT_GE(player.hashes.rbegin()->first + 40, relay.battle().tick());
  }

  Relay relay;
  std::array<WayOptions, 2> ways;
  std::array<Player, 2> players;
  std::vector<wire::ClientMessage> messages;  ///< of any

 private:
  void exchange(u32 i) {
    Player& player = players[i];
    while (!parts_[i].empty() && parts_[i].front().first <= now_) {
      EXPECT_TRUE(player.client.on_snapshot_part(parts_[i].front().second).ok());
      parts_[i].pop_front();
    }
    to_client_[i].deliver(now_, [&](const std::vector<std::byte>& frame) {
      EXPECT_TRUE(player.client.on_frame(frame, now_).ok());
    });
    pongs_[i].deliver(now_, [&](TimeNs sent) { player.client.on_round_trip(now_ - sent, now_); });
    if (auto packet = player.play(now_)) to_server_[i].send(std::move(*packet), ways[i], rng_, now_);
    to_server_[i].deliver(now_, [&](const Player::Packet& packet) {
      world::Command none;
      relay.receive(i, none, packet.sync);
      for (const world::Command& command : packet.commands) relay.receive(i, command, packet.sync);
      pongs_[i].send(packet.ping, ways[i], rng_, now_);
    });
    const std::size_t before = messages.size();
    player.client.take_messages(messages);
    if (messages.size() > before) give_state(i);
  }

  TimeNs now_ = 0;
  world::Rng rng_;
  std::array<Way<Player::Packet>, 2> to_server_;
  std::array<Way<std::vector<std::byte>>, 2> to_client_;
  std::array<Way<TimeNs>, 2> pongs_;
  std::array<std::deque<std::pair<TimeNs, wire::SnapshotPart>>, 2> parts_;
};

}  // namespace drumline::lockstep::testing
