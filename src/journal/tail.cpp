#include "journal/tail.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace drumline::journal {
namespace {

constexpr std::size_t kChunkBytes = 1024 * 1024;

bool all_zero(Bytes bytes) {
  if (bytes.empty()) return true;
  return bytes[0] == std::byte{0} && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

Result<void> read_exactly(const env::File& file, u64 offset, MutableBytes out) {
  auto read = file.read_at(offset, out);
  if (!read) return std::move(read).error();
  if (*read != out.size()) return Error{ErrorCode::io, file.path() + " became shorter while it was read"};
  return {};
}

/// One past the last byte in [offset, size) that is not zero, or `offset`.
Result<u64> end_of_data(const env::File& file, u64 offset, u64 size) {
  std::vector<std::byte> chunk(std::min<u64>(kChunkBytes, size - offset));
  u64 end = offset;
  for (u64 at = offset; at < size; at += chunk.size()) {
    const MutableBytes part{chunk.data(), static_cast<std::size_t>(std::min<u64>(chunk.size(), size - at))};
    if (auto read = read_exactly(file, at, part); !read) return std::move(read).error();
    if (all_zero(part)) continue;
    std::size_t last = part.size();
    while (part[last - 1] == std::byte{0}) --last;
    end = at + last;
  }
  return end;
}

/// Does some sector between the two offsets lack all that was to be written to
/// it? Then a torn write explains that what follows is there. `from` is where the
/// missing record begins: bytes before it in its sector are older.
bool sector_missing(Bytes region, u64 region_at, u64 from, u64 to) {
  for (u64 at = from; at < to;) {
    const u64 end = (at / kSectorBytes + 1) * kSectorBytes;
    if (end > to) return false;
    if (all_zero(region.subspan(at - region_at, end - at))) return true;
    at = end;
  }
  return false;
}

}  // namespace

Result<Tail> judge_tail(const env::File& file, u32 number, u64 offset, u64 size) {
  Tail tail;
  tail.end = offset;
  if (offset >= size) return tail;
  auto end = end_of_data(file, offset, size);
  if (!end) return std::move(end).error();
  tail.end = *end;
  if (*end == offset) return tail;
  tail.kind = Tail::Kind::torn;

  // A record's own last bytes may be zeros.
  const u64 until = std::min<u64>(size, *end + record_bytes(kMaxPayloadBytes));
  std::vector<std::byte> bytes(until - offset);
  if (auto read = read_exactly(file, offset, bytes); !read) return std::move(read).error();
  const Bytes region(bytes);
  u64 at = std::max<u64>(offset + 1, kSegmentHeaderBytes);
  at = (at + kRecordAlignment - 1) & ~u64{kRecordAlignment - 1};
  for (; at < *end; at += kRecordAlignment) {
    const Bytes rest = region.subspan(at - offset);
    if (rest.size() < kRecordHeaderBytes) break;
    u32 named;
    std::memcpy(&named, rest.data() + 8, sizeof named);
    if (named != number) continue;
    const auto record = parse_record(rest, number, at);
    if (!record) continue;
    if (record->write_offset <= offset && sector_missing(region, offset, offset, at)) continue;
    tail.kind = Tail::Kind::damaged;
    tail.reason =
        "a valid record of tick " + std::to_string(record->info.tick) + " follows at offset " +
        std::to_string(at) +
        (record->write_offset > offset ? ", of a later write" : ", of the same write, which is whole");
    return tail;
  }
  return tail;
}

}  // namespace drumline::journal
