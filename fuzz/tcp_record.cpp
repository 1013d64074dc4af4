// The records of a session over TLS, in pieces of any size.
#include <algorithm>

#include "fuzz.hpp"
#include "transport/tcp/record.hpp"

namespace drumline::fuzz {

void run(Bytes input) {
  if (input.empty()) return;
  const std::size_t size = 1 + static_cast<std::size_t>(input.front());
  Bytes left = input.subspan(1);
  transport::RecordReader reader;
  std::size_t told = 0;
  while (!left.empty()) {
    Bytes piece = left.first(std::min(size, left.size()));
    left = left.subspan(piece.size());
    transport::RecordReader::Record record;
    auto status = reader.next(piece, record);
    for (; status == transport::RecordReader::Status::record; status = reader.next(piece, record)) {
      told += transport::kRecordHeaderBytes + record.payload.size();
      DRUM_ASSERT(record.payload.size() <= transport::kMaxRecordPayloadBytes && told < input.size());
      transport::CloseRecord close;
      if (transport::parse_close(record.payload, close)) {
        for (const char c : close.reason) DRUM_ASSERT(static_cast<unsigned char>(c) >= 0x20);
      }
    }
    if (status != transport::RecordReader::Status::more) return;
    DRUM_ASSERT(piece.empty());
  }
}

std::vector<Input> seeds() {
  Input all{std::byte{5}};
  transport::append_record(all, transport::RecordKind::open, {});
  transport::append_record(all, transport::RecordKind::reliable, as_bytes("hello"));
  transport::append_record(all, transport::RecordKind::datagram, Input(40, std::byte{7}));
  transport::append_close(all, transport::CloseCode::flood, "too much of it");
  Input whole = all;
  whole.front() = std::byte{255};
  return {all, whole};
}

}  // namespace drumline::fuzz
