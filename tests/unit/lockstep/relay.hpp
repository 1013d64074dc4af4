// A server's side of lockstep for tests: one battle, whose commands are held and whose
// ticks are told as docs/formats/lockstep-frame.md says.
#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "battle/journal_records.hpp"
#include "duel_of_two.hpp"
#include "wire/command.hpp"
#include "wire/messages.hpp"

namespace drumline::lockstep::testing {

class Relay {
 public:
  static constexpr u32 kPlayers = 2;

  Relay() : battle_(duel_of_two()) { hashes_ = {0, battle_->state_hash()}; }

  /// A command came, with what its sender has stepped; `acks.tick` 0: nothing.
  void receive(u32 player, const world::Command& command, const wire::SyncAck& sync) {
    Client& client = clients_[player];
    if (sync.tick > client.acknowledged && sync.tick < hashes_.size()) {
      if (hashes_[sync.tick] != sync.hash) ++client.diverged;
      client.acknowledged = sync.tick;
    }
    if (command.action == world::Action::none) return;
    // Repeats, and what a later one overtook, a gateway does not hand on.
    if (command.sequence <= client.sequence) return;
    client.sequence = command.sequence;
    const int early = static_cast<int>(command.apply_tick) - static_cast<int>(next());
    client.margin = std::min(client.margin, std::clamp(early, -126, 126));
    ++client.commands;
    client.late += early < 0;
    if (early < -32) return;
    held_.emplace(std::clamp<Tick>(command.apply_tick, next(), next() + 32), input_of(player, command));
  }

  void tick() {
    std::vector<battle::Input> inputs;
    while (!held_.empty() && held_.begin()->first <= next()) {
      inputs.push_back(held_.begin()->second);
      held_.erase(held_.begin());
    }
    const auto outcome = battle_->step(inputs);
    hashes_.push_back(outcome.state_hash);
    std::vector<std::byte> payload(battle::max_tick_bytes(outcome.accepted.size()));
    ByteWriter out(payload);
    battle::encode_tick(outcome.state_hash, 0, outcome.accepted, out);
    payload.resize(out.size());
    payloads_[outcome.tick] = std::move(payload);
    accepted_ += outcome.accepted.size();
  }

  /// The datagram of the newest tick: the three newest, and every fourth time what was
  /// not acknowledged.
  std::vector<std::byte> frame_for(u32 player) {
    Client& client = clients_[player];
    const Tick newest = battle_->tick();
    std::vector<Tick> ticks;
    for (Tick tick = std::max(client.acknowledged, client.given) + 1; tick <= newest; ++tick) {
      const Tick age = newest - tick;
      if (payloads_.contains(tick) && age < 250 && (age < 3 || age % 4 == 3)) ticks.push_back(tick);
    }
    std::vector<std::byte> bytes(64 << 10);
    ByteWriter out(bytes);
    out.write(u8{2});
    out.write(u8{0});
    out.write(static_cast<i8>(client.margin));
    out.write(static_cast<u8>(ticks.size()));
    out.write(static_cast<u32>(newest));
    for (const Tick tick : ticks) {
      out.write(static_cast<u8>(newest - tick));
      out.write_varint(payloads_[tick].size());
      out.write_bytes(payloads_[tick]);
    }
    bytes.resize(out.size());
    client.margin = 127;
    return bytes;
  }

  /// It is so far behind that it is given the state anew.
  bool lost(u32 player) const {
    return battle_->tick() > 250 + std::max(clients_[player].acknowledged, clients_[player].given);
  }

  /// Ticks as they are told when no datagram holds them.
  wire::Ticks ticks(Tick first, Tick last) {
    wire::Ticks message{first, std::vector<std::byte>(64 << 10)};
    ByteWriter out(message.bytes);
    for (Tick tick = first; tick <= last; ++tick) {
      out.write_varint(payloads_[tick].size());
      out.write_bytes(payloads_[tick]);
    }
    message.bytes.resize(out.size());
    return message;
  }

  std::vector<wire::SnapshotPart> state_for(u32 player, std::size_t part_bytes = 600) {
    clients_[player].given = clients_[player].acknowledged = battle_->tick();
    std::vector<std::byte> bytes = battle::encode_created({duel_info(), 0});
    const auto info_bytes = static_cast<u32>(bytes.size());
    std::vector<std::byte> snapshot;
    battle_->encode_snapshot(snapshot);
    bytes.insert(bytes.end(), snapshot.begin(), snapshot.end());
    std::vector<wire::SnapshotPart> parts;
    for (std::size_t offset = 0; offset < bytes.size(); offset += part_bytes) {
      const Bytes part = Bytes(bytes).subspan(offset, std::min(part_bytes, bytes.size() - offset));
      parts.push_back({battle_->tick(),
                       battle_->state_hash(),
                       info_bytes,
                       static_cast<u32>(bytes.size()),
                       static_cast<u32>(offset),
                       {part.begin(), part.end()}});
    }
    return parts;
  }

  wire::Welcome welcome_for(u32 player) const {
    wire::Welcome welcome;
    welcome.battle = BattleId{7};
    welcome.player = PlayerSlot{player};
    welcome.tick = battle_->tick();
    return welcome;
  }

  Tick next() const { return battle_->tick() + 1; }
  const battle::Battle& battle() const { return *battle_; }
  u64 hash(Tick tick) const { return hashes_.at(tick); }
  u64 accepted() const { return accepted_; }
  u32 commands(u32 player) const { return clients_[player].commands; }
  u32 late(u32 player) const { return clients_[player].late; }
  u32 diverged(u32 player) const { return clients_[player].diverged; }

 private:
  struct Client {
    Tick given = 0;  ///< the state after it
    Tick acknowledged = 0;
    int margin = 127;
    u32 sequence = 0;  ///< of the newest command
    u32 commands = 0;
    u32 late = 0;
    u32 diverged = 0;
  };

  std::unique_ptr<battle::Battle> battle_;
  std::array<Client, kPlayers> clients_{};
  std::multimap<Tick, battle::Input> held_;
  std::map<Tick, std::vector<std::byte>> payloads_;
  std::vector<u64> hashes_;  ///< by tick
  u64 accepted_ = 0;
};

}  // namespace drumline::lockstep::testing
