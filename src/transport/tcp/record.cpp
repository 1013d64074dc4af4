#include "transport/tcp/record.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace drumline::transport {
namespace {

constexpr u8 kLastKind = static_cast<u8>(RecordKind::pong);

std::size_t payload_bytes(Bytes header) {
  return std::to_integer<std::size_t>(header[1]) << 8U | std::to_integer<std::size_t>(header[2]);
}

RecordReader::Status check(Bytes header) {
  if (std::to_integer<u8>(header[0]) > kLastKind) return RecordReader::Status::unknown_kind;
  if (payload_bytes(header) > kMaxRecordPayloadBytes) return RecordReader::Status::too_large;
  return RecordReader::Status::record;
}

}  // namespace

void append_record(std::vector<std::byte>& out, RecordKind kind, Bytes payload) {
  DRUM_ASSERT(payload.size() <= kMaxRecordPayloadBytes);
  out.push_back(static_cast<std::byte>(kind));
  out.push_back(static_cast<std::byte>(payload.size() >> 8U));
  out.push_back(static_cast<std::byte>(payload.size() & 0xFFU));
  out.insert(out.end(), payload.begin(), payload.end());
}

void append_close(std::vector<std::byte>& out, CloseCode code, std::string_view reason) {
  if (reason.size() > kMaxCloseTextBytes) {
    std::size_t size = kMaxCloseTextBytes;
    while (size > 0 && (static_cast<unsigned char>(reason[size]) & 0xC0U) == 0x80U) --size;
    reason = reason.substr(0, size);
  }
  std::vector<std::byte> payload = {static_cast<std::byte>(static_cast<u32>(code) >> 8U),
                                    static_cast<std::byte>(static_cast<u32>(code) & 0xFFU)};
  const Bytes text = as_bytes(reason);
  payload.insert(payload.end(), text.begin(), text.end());
  append_record(out, RecordKind::close, payload);
}

bool parse_close(Bytes payload, CloseRecord& out) {
  if (payload.size() < 2 || payload.size() > 2 + kMaxCloseTextBytes) return false;
  const u32 code = std::to_integer<u32>(payload[0]) << 8U | std::to_integer<u32>(payload[1]);
  const auto known = static_cast<CloseCode>(code);
  out.code = close_code_name(known) == std::string_view("unknown") ? CloseCode::internal : known;
  out.reason = as_text(payload.subspan(2));
  // It may be shown in a terminal.
  std::replace_if(
      out.reason.begin(), out.reason.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
  return true;
}

RecordReader::Status RecordReader::next(Bytes& input, Record& out) {
  if (partial_done_) {
    partial_.clear();
    partial_done_ = false;
  }
  const auto complete = [&](Bytes whole) {
    out.kind = static_cast<RecordKind>(whole[0]);
    out.payload = whole.subspan(kRecordHeaderBytes);
    return Status::record;
  };
  if (partial_.empty() && input.size() >= kRecordHeaderBytes) {
    if (const Status status = check(input); status != Status::record) return status;
    const std::size_t size = kRecordHeaderBytes + payload_bytes(input);
    if (input.size() >= size) {
      const Bytes whole = input.first(size);
      input = input.subspan(size);
      return complete(whole);
    }
  }
  const auto take_up_to = [&](std::size_t size) {
    const std::size_t taken = std::min(size - partial_.size(), input.size());
    partial_.insert(partial_.end(), input.begin(), input.begin() + static_cast<std::ptrdiff_t>(taken));
    input = input.subspan(taken);
    return partial_.size() == size;
  };
  if (partial_.size() < kRecordHeaderBytes && !take_up_to(kRecordHeaderBytes)) return Status::more;
  if (const Status status = check(partial_); status != Status::record) return status;
  if (!take_up_to(kRecordHeaderBytes + payload_bytes(partial_))) return Status::more;
  partial_done_ = true;
  return complete(partial_);
}

}  // namespace drumline::transport
