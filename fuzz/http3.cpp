// HTTP/3 and WebTransport as a browser speaks them: each input is a row of streams' pieces and datagrams.
#include <algorithm>

#include "fuzz.hpp"
#include "transport/webtransport/http3_server.hpp"
#include "unit/webtransport/http3_bytes.hpp"

namespace drumline::fuzz {
namespace {

using test::operator+;

class Events final : public transport::Http3Events {
 public:
  transport::Http3Answer on_request(const transport::RequestFields&) override { return {}; }
  void on_answered(unsigned) override { ++answers; }
  void on_reliable_stream(i64) override {}
  void on_reliable(Bytes bytes) override { told += bytes.size(); }
  void on_reliable_end() override {}
  void on_session_datagram(Bytes payload) override { told += payload.size(); }
  void on_stray_datagram() override {}
  void on_session_close(std::optional<u32>, std::string_view reason) override {
    ++closes;
    DRUM_ASSERT(reason.size() <= transport::Http3Server::kMaxCloseReasonBytes);
  }
  void send(i64, Bytes, bool) override {}
  void refuse_stream(i64, transport::Http3Code) override {}
  u32 answers = 0;
  u32 closes = 0;
  std::size_t told = 0;
};

/// How a piece is written: a number (a stream's place, or kDatagram; the top bit is its end), a size, and so
/// many bytes.
constexpr u8 kDatagram = 0x7F;
constexpr u8 kEnd = 0x80;
constexpr i64 kStreams[] = {2, 6, 10, 14, 0, 4, 8, 12};

Input piece(u8 where, Bytes bytes) {
  Input out;
  while (!bytes.empty()) {
    const Bytes some = bytes.first(std::min<std::size_t>(bytes.size(), 255));
    bytes = bytes.subspan(some.size());
    out.push_back(std::byte{where});
    out.push_back(static_cast<std::byte>(some.size()));
    out.insert(out.end(), some.begin(), some.end());
  }
  return out;
}

}  // namespace

void run(Bytes input) {
  Events events;
  transport::Http3Server server(events);
  server.begin(3);
  std::size_t given = 0;
  while (input.size() >= 2) {
    const auto where = static_cast<u8>(input[0]);
    const Bytes bytes = input.subspan(2, std::min<std::size_t>(input.size() - 2, static_cast<u8>(input[1])));
    input = input.subspan(2 + bytes.size());
    given += bytes.size();
    const auto error = (where & ~kEnd) == kDatagram ? server.receive_datagram(bytes)
                                                    : server.receive(kStreams[where % std::size(kStreams)],
                                                                     bytes, (where & kEnd) != 0);
    // What is told has come, and once.
    DRUM_ASSERT(events.told <= given);
    DRUM_ASSERT(events.closes <= 1);
    if (error) return;
  }
}

std::vector<Input> seeds() {
  const Input open = piece(0, test::control_stream()) + piece(4, test::headers(test::connect_fields()));
  return {open, open + piece(5, test::varint(0x41) + test::varint(0) + test::octets("reliable")),
          open + piece(kDatagram, test::varint(0) + test::octets("datagram")),
          open + piece(4, test::record(0x00, test::close_capsule(1, "bye"))),
          piece(0, test::control_stream()) + piece(1, test::varint(0x02)) + piece(2, test::varint(0x03))};
}

}  // namespace drumline::fuzz
