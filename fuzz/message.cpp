// FlatBuffers messages of both directions: what decodes says the same when it is encoded again.
#include "fuzz.hpp"
#include "wire/frame.hpp"
#include "wire/messages.hpp"

namespace drumline::fuzz {
namespace {

template <class Message, class Decode>
void check(Bytes payload, Decode decode) {
  const auto message = decode(payload);
  if (!message) return;
  std::vector<std::byte> once, twice;
  wire::encode_message(*message, once);
  const auto again = decode(Bytes(once).subspan(wire::kFrameHeaderBytes));
  DRUM_ASSERT(again.ok());
  wire::encode_message(*again, twice);
  DRUM_ASSERT(once == twice);
}

}  // namespace

void run(Bytes input) {
  check<wire::ClientMessage>(input, wire::decode_client_message);
  check<wire::ServerMessage>(input, wire::decode_server_message);
}

std::vector<Input> seeds() {
  std::vector<Input> all;
  const auto add = [&](const auto& message) {
    Input frame;
    wire::encode_message(message, frame);
    all.emplace_back(frame.begin() + wire::kFrameHeaderBytes, frame.end());
  };
  add(wire::ClientMessage{
      wire::Hello{.game = "arena", .name = "someone", .reconnect_token = Input(62, std::byte{9})}});
  add(wire::ClientMessage{wire::Ping{7}});
  add(wire::ClientMessage{wire::Leave{}});
  add(wire::ClientMessage{wire::Desync{5, 6, 7}});
  add(wire::ServerMessage{wire::Refused{1, "too far away", 2}});
  add(wire::ServerMessage{wire::Pong{7}});
  add(wire::ServerMessage{wire::Pace{9, 150}});
  add(wire::ServerMessage{wire::Scoreboard{3, {}}});
  return all;
}

}  // namespace drumline::fuzz
