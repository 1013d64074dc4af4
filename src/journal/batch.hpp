// Records on their way to the disk: what one commit makes durable together.
#pragma once

#include <memory>

#include "journal/format.hpp"

namespace drumline::journal {

/// A bounded buffer of records, filled by one thread, committed by one Writer.
/// Allocates at construction only.
class Batch {
 public:
  /// `capacity_bytes` counts records with headers and padding.
  explicit Batch(std::size_t capacity_bytes);

  /// Copies a record in. exhausted when it does not fit (commit first),
  /// invalid_argument when no batch could hold it.
  Result<void> append(const RecordInfo& info, Bytes payload);

  /// Space for a payload of at most `max_bytes`, to be filled in place and closed;
  /// empty when it does not fit. Nothing else may be appended in between.
  MutableBytes open(std::size_t max_bytes);
  void close(const RecordInfo& info, std::size_t payload_bytes);

  void clear();
  bool empty() const { return size_ == 0; }
  std::size_t size_bytes() const { return size_; }
  std::size_t capacity_bytes() const { return capacity_; }
  u32 record_count() const { return count_; }

 private:
  friend class Writer;
  /// Records from `at`; kSegmentHeaderBytes of room stand before them, for the
  /// header of a segment that begins with them.
  std::byte* record_at(std::size_t at) { return memory_.get() + kSegmentHeaderBytes + at; }

  std::size_t capacity_;
  std::size_t size_ = 0;
  std::size_t durable_ = 0;  ///< bytes that a commit already made durable
  u32 count_ = 0;
  std::unique_ptr<std::byte[]> memory_;
};

}  // namespace drumline::journal
