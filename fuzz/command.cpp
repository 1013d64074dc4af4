// A player's command: what decodes is the same when it is encoded and decoded again.
#include "wire/command.hpp"

#include "fuzz.hpp"
#include "wire/frame.hpp"

namespace drumline::fuzz {

void run(Bytes input) {
  world::Command command, again;
  wire::CommandAcks acks, acks_again;
  if (wire::decode_command(input, command, acks) != wire::DecodeStatus::ok) return;
  DRUM_ASSERT(acks.count <= wire::kMaxKeyAcks);
  std::array<std::byte, wire::kMaxCommandFrameBytes> frame{};
  const std::size_t size =
      wire::encode_command(command, acks.view(), frame, {acks.sync_tick, acks.sync_hash}, acks.visit);
  DRUM_ASSERT(size > 0);
  const Bytes payload = Bytes(frame).first(size).subspan(wire::kFrameHeaderBytes);
  DRUM_ASSERT(wire::decode_command(payload, again, acks_again) == wire::DecodeStatus::ok);
  DRUM_ASSERT(again.sequence == command.sequence && acks_again.count == acks.count &&
              acks_again.sync_hash == acks.sync_hash);
}

std::vector<Input> seeds() {
  std::vector<Input> all;
  for (u32 count = 0; count <= wire::kMaxKeyAcks; count += wire::kMaxKeyAcks / 2) {
    std::array<std::byte, wire::kMaxCommandFrameBytes> frame{};
    std::vector<u32> acks(count, 0x1234);
    world::Command command;
    command.sequence = 17;
    const std::size_t size = wire::encode_command(command, acks, frame, {12, 34}, 2);
    all.push_back(input_of(Bytes(frame).first(size).subspan(wire::kFrameHeaderBytes)));
  }
  return all;
}

}  // namespace drumline::fuzz
