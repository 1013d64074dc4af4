#include "journal/batch.hpp"

#include <cstring>

namespace drumline::journal {

Batch::Batch(std::size_t capacity_bytes)
    : capacity_(capacity_bytes & ~(kRecordAlignment - 1)),
      memory_(std::make_unique<std::byte[]>(kSegmentHeaderBytes + capacity_)) {}

Result<void> Batch::append(const RecordInfo& info, Bytes payload) {
  if (payload.size() > kMaxPayloadBytes || record_bytes(payload.size()) > capacity_) {
    return Error{ErrorCode::invalid_argument, "a journal record of " + std::to_string(payload.size()) +
                                                  " bytes is larger than a batch of " +
                                                  std::to_string(capacity_) + " can ever hold"};
  }
  const MutableBytes space = open(payload.size());
  if (space.data() == nullptr) {
    return Error{ErrorCode::exhausted,
                 "the journal batch is full (" + std::to_string(capacity_) + " bytes): commit it first"};
  }
  if (!payload.empty()) std::memcpy(space.data(), payload.data(), payload.size());
  close(info, payload.size());
  return {};
}

MutableBytes Batch::open(std::size_t max_bytes) {
  if (max_bytes > kMaxPayloadBytes || record_bytes(max_bytes) > capacity_ - size_) return {};
  return {record_at(size_) + kRecordHeaderBytes, max_bytes};
}

void Batch::close(const RecordInfo& info, std::size_t payload_bytes) {
  const std::size_t bytes = record_bytes(payload_bytes);
  DRUM_ASSERT(bytes <= capacity_ - size_);
  std::byte* record = record_at(size_);
  begin_record(info, payload_bytes, std::span<std::byte, kRecordHeaderBytes>(record, kRecordHeaderBytes));
  const std::size_t used = kRecordHeaderBytes + payload_bytes;
  std::memset(record + used, 0, bytes - used);
  size_ += bytes;
  ++count_;
}

void Batch::clear() {
  size_ = 0;
  durable_ = 0;
  count_ = 0;
}

}  // namespace drumline::journal
