// Messages between a node and a battle group's process, and notices within battle frames.
#include <cstring>

#include "battle/notices.hpp"
#include "fuzz.hpp"
#include "link/messages.hpp"

namespace drumline::fuzz {

void run(Bytes input) {
  if (input.size() < 2) return;
  u16 kind = 0;
  std::memcpy(&kind, input.data(), sizeof kind);
  const Bytes payload = input.subspan(2);
  if (const auto message = link::decode_to_group(kind, payload); message) {
    std::vector<std::byte> out;
    link::encode(*message, out);
  }
  if (const auto message = link::decode_from_group(kind, payload); message) {
    std::vector<std::byte> out;
    link::encode(*message, out);
  }
  (void)battle::decode_notice(payload);
  ByteReader reader(payload);
  std::vector<battle::Input> inputs;
  (void)battle::decode_inputs(reader, static_cast<u32>(kind % 64), inputs);
}

std::vector<Input> seeds() {
  std::vector<Input> all;
  const auto add = [&](u16 kind, Bytes payload) {
    Input input(2);
    std::memcpy(input.data(), &kind, sizeof kind);
    input.insert(input.end(), payload.begin(), payload.end());
    all.push_back(input);
  };
  for (u16 kind = 0; kind < 24; ++kind) add(kind, Input(40, std::byte{0}));
  std::array<std::byte, 512> room{};
  for (const battle::Notice& notice :
       {battle::Notice{battle::PaceChange{150}}, battle::Notice{battle::SeatTaken{PlayerSlot{3}}},
        battle::Notice{battle::CommandRefused{{}, 9}}}) {
    ByteWriter out(room);
    battle::encode_notice(notice, out);
    add(1, Bytes(room).first(out.size()));
  }
  battle::Input input;
  ByteWriter out(room);
  battle::encode_input(input, out);
  add(1, Bytes(room).first(out.size()));
  return all;
}

}  // namespace drumline::fuzz
