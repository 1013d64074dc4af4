#include "isolation/hostile_group.hpp"

#include <array>
#include <cstring>

#include <poll.h>

#include "battle/notices.hpp"
#include "broadcast/battle_frame.hpp"
#include "env/linked_process.hpp"
#include "env/random.hpp"
#include "link/channel.hpp"
#include "link/messages.hpp"

namespace drumline::testing {
namespace {

class HostileGroup {
 public:
  explicit HostileGroup(u64 seed) : random_(seed) {}

  int run() {
    for (;;) {
      pollfd readable{env::kLinkDescriptor, POLLIN, 0};
      ::poll(&readable, 1, 5);
      const auto received = channel_.receive([this](u16 kind, Bytes payload) {
        on_message(kind, payload);
        return Result<void>();
      });
      if (!received) return 0;
      if (battle_ != BattleId{}) babble();
      if (!channel_.flush()) return 0;
    }
  }

 private:
  u64 draw(u64 below) { return random_.next_u64() % below; }

  void on_message(u16 kind, Bytes payload) {
    if (kind == static_cast<u16>(link::Kind::inputs)) return on_inputs(payload);
    const auto message = link::decode_to_group(kind, payload);
    if (!message) return;
    if (std::get_if<link::Start>(&*message) != nullptr) {
      send(link::Ready{link::kProtocolVersion, 64 << 10, BattleId{}, 1});
    } else if (const auto* make = std::get_if<link::Make>(&*message)) {
      battle_ = make->battle;
      link::Installed installed;
      installed.descriptor.id = battle_;
      installed.descriptor.game = "trouble";
      installed.descriptor.max_players = 4;
      send(installed);
    }
  }

  void send(const link::FromGroup& message) {
    link::encode(message, scratch_);
    channel_.send(static_cast<u16>(link::kind_of(message)), scratch_);
  }

  /// Who wants a seat gets one, so that clients play on what is said.
  void on_inputs(Bytes payload) {
    ByteReader in(payload);
    while (!in.at_end()) {
      const auto inbound = link::read_inbound(in);
      if (!inbound || battle_ == BattleId{}) return;
      if (inbound->kind != battle::Inbound::Kind::join) continue;
      session_ = inbound->session;
      std::array<std::byte, battle::kMaxNoticeBytes> memory;
      ByteWriter notice(memory);
      battle::encode_notice(battle::SeatGranted{PlayerSlot{seats_++ % 4}, EntityId{1}, 1, false}, notice);
      send_frame(session_, notice.written(), false);
    }
  }

  /// Mostly what the node cannot tell from the truth; once in a while what it can.
  void babble() {
    for (int i = 0; i < 20; ++i) {
      std::array<std::byte, 64> note;
      for (std::byte& byte : note) byte = static_cast<std::byte>(draw(256));
      note[0] = static_cast<std::byte>(draw(10));  // a kind of notice
      const SessionId to = draw(2) == 0 ? session_ : SessionId{draw(3) == 0 ? random_.next_u64() : 0};
      send_frame(to, Bytes(note).first(kNoticeBytes[draw(std::size(kNoticeBytes))]), draw(3) == 0);
    }
    link::Status status{0, "", {random_.next_u64()}, {-1}, {{{random_.next_u64(), random_.next_u64()}}}, {}};
    status.battles.push_back({battle_, 1, {random_.next_u64()}});
    send(status);
    send(link::Answer{draw(4), 0, "", {std::byte{1}}});
    if (draw(kRounds) != 0) return;
    switch (draw(4)) {
      case 0:
        return send_random(static_cast<u16>(draw(80)));
      case 1:
        return mutate(status);
      case 2:
        return mutate(link::Resumed{battle_, "trouble", 1, 2, 3, true, 4, 5, 6.0});
      default:
        tick_ += random_.next_u64() >> 1;
    }
  }

  void send_random(u16 kind) {
    scratch_.resize(draw(200));
    for (std::byte& byte : scratch_) byte = static_cast<std::byte>(draw(256));
    channel_.send(kind, scratch_);
  }

  void mutate(const link::FromGroup& message) {
    link::encode(message, scratch_);
    for (u64 flips = draw(3); flips > 0 && !scratch_.empty(); --flips) {
      scratch_[draw(scratch_.size())] = static_cast<std::byte>(draw(256));
    }
    if (draw(8) == 0) scratch_.resize(draw(scratch_.size() + 1));
    channel_.send(static_cast<u16>(link::kind_of(message)), scratch_);
  }

  /// A battle frame with one notice; `spoiled`: with some of its header overwritten.
  void send_frame(SessionId to, Bytes notice, bool spoiled) {
    broadcast::BattleFrameHeader head;
    head.battle = battle_.value;
    head.tick = ++tick_;
    head.instance = 1;
    head.flags = broadcast::BattleFrameHeader::kNoState;
    head.columns = head.rows = 2;
    head.stream_limit = 8;
    head.key_bytes_limit = 64;
    head.message_count = 1;
    head.message_bytes = static_cast<u32>(12 + notice.size());
    const std::size_t size = sizeof head + (head.message_bytes + 7) / 8 * 8;
    head.size = static_cast<u32>(size);
    std::array<std::byte, sizeof head> bytes;
    std::memcpy(bytes.data(), &head, sizeof head);
    // Of what stands behind the tick, but the flag that ends it and the payload's size.
    if (spoiled) bytes[24 + draw(68)] = static_cast<std::byte>(draw(256));
    bytes[40] &= std::byte{0xFB};
    std::vector<std::byte> frame(size);
    std::memcpy(frame.data(), bytes.data(), bytes.size());
    ByteWriter message(MutableBytes(frame).subspan(sizeof head));
    message.write(to.value);
    message.write(static_cast<u32>(notice.size()));
    message.write_bytes(notice);
    std::array<std::byte, 8> published{};
    channel_.send(static_cast<u16>(link::Kind::frames), published, frame);
  }

  /// Lengths of the notices that there are, and others.
  static constexpr std::array<std::size_t, 8> kNoticeBytes{0, 1, 3, 5, 7, 18, 37, 64};
  /// Of babbling between two things that the node notices, about.
  static constexpr u64 kRounds = 80;

  env::SeededRandom random_;
  link::Channel channel_{env::kLinkDescriptor};
  BattleId battle_{};
  SessionId session_{};
  u32 seats_ = 0;
  Tick tick_ = 0;
  std::vector<std::byte> scratch_;
};

}  // namespace

int run_hostile_group(u64 seed) {
  if (!env::adopt_link(env::kLinkDescriptor)) return 1;
  return HostileGroup(seed).run();
}

}  // namespace drumline::testing
