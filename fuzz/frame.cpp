// The client's reliable stream: frames in whatever pieces they come, and the messages in them.
#include "wire/frame.hpp"

#include "fuzz.hpp"
#include "wire/command.hpp"
#include "wire/messages.hpp"

namespace drumline::fuzz {

void run(Bytes input) {
  if (input.empty()) return;
  const std::size_t piece = 1 + static_cast<std::size_t>(input.front());
  Bytes left = input.subspan(1);
  wire::FrameReader reader({});
  while (!left.empty()) {
    const Bytes some = left.first(std::min(piece, left.size()));
    left = left.subspan(some.size());
    const bool more = reader.feed(some, [](Bytes payload) {
      DRUM_ASSERT(payload.size() <= wire::kMaxClientPayloadBytes);
      (void)wire::decode_client_message(payload);
      return true;
    });
    DRUM_ASSERT(reader.buffered_bytes() <= wire::kMaxClientPayloadBytes + wire::kFrameHeaderBytes);
    if (!more) break;
  }
  (void)wire::for_each_frame(input.subspan(1), wire::kMaxCommandPayloadBytes, wire::kMaxCommandsPerDatagram,
                             [](Bytes payload) {
                               world::Command command;
                               wire::CommandAcks acks;
                               (void)wire::decode_command(payload, command, acks);
                             });
}

std::vector<Input> seeds() {
  std::vector<Input> all;
  for (const u8 piece : {u8{3}, u8{255}}) {
    Input bytes{std::byte{piece}};
    wire::encode_message(wire::ClientMessage{wire::Hello{.name = "someone"}}, bytes);
    wire::encode_message(wire::ClientMessage{wire::Ping{7}}, bytes);
    wire::encode_message(wire::ClientMessage{wire::Leave{}}, bytes);
    all.push_back(bytes);
    std::array<std::byte, wire::kMaxCommandFrameBytes> command{};
    const std::array<u32, 3> acks{0x101, 0x202, 0x303};
    const std::size_t size = wire::encode_command({}, acks, command, {12, 34});
    bytes.resize(1);
    bytes.insert(bytes.end(), command.begin(), command.begin() + static_cast<std::ptrdiff_t>(size));
    all.push_back(bytes);
  }
  return all;
}

}  // namespace drumline::fuzz
