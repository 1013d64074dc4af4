#include "desync/client_report.hpp"

#include <algorithm>
#include <array>

#include "base/assert.hpp"
#include "base/bytes.hpp"
#include "base/crc.hpp"

namespace drumline::desync {
namespace {

constexpr u32 kVersion = 1;
constexpr u32 kStateHashVersion = 1;
constexpr std::size_t kHeaderBytes = 80;
constexpr std::size_t kCrcOffset = 76;
constexpr std::size_t kIdBytes = 16;
constexpr std::size_t kHashBytes = 16;
constexpr std::size_t kMaxBytes = kHeaderBytes + kMaxReportHashes * kHashBytes + kMaxReportStateBytes;

void write_id(std::string_view id, ByteWriter& out) {
  std::array<std::byte, kIdBytes> bytes{};
  const Bytes kept = as_bytes(id.substr(0, kIdBytes));
  std::copy(kept.begin(), kept.end(), bytes.begin());
  out.write_bytes(bytes);
}

std::string read_id(ByteReader& in) {
  const std::string_view text = as_text(in.read_bytes(kIdBytes));
  return std::string(text.substr(0, text.find('\0')));
}

u32 checksum(Bytes bytes) {
  return crc32c(bytes.subspan(kHeaderBytes), crc32c(bytes.first(kCrcOffset)));
}

}  // namespace

std::vector<std::byte> encode_report(const ClientReport& report) {
  DRUM_ASSERT(!report.hashes.empty() && report.hashes.size() <= kMaxReportHashes);
  DRUM_ASSERT(report.state.size() <= kMaxReportStateBytes);
  std::vector<std::byte> out(kHeaderBytes + report.hashes.size() * kHashBytes + report.state.size());
  ByteWriter writer(out);
  writer.write_bytes(as_bytes(kReportMagic));
  writer.write(kVersion);
  writer.write(kStateHashVersion);
  writer.write(report.battle.value);
  writer.write(report.player.value);
  writer.write(static_cast<u32>(report.hashes.size()));
  write_id(report.simulation, writer);
  write_id(report.build, writer);
  writer.write(u64{report.state.size()});
  writer.write(u32{0});
  writer.write(u32{0});
  for (const TickHash& one : report.hashes) {
    writer.write(one.tick);
    writer.write(one.hash);
  }
  writer.write_bytes(report.state);
  DRUM_ASSERT(writer.ok() && writer.remaining() == 0);
  writer.patch(kCrcOffset, checksum(out));
  return out;
}

Result<ClientReport> decode_report(Bytes bytes) {
  if (bytes.size() < kHeaderBytes) {
    return Error{ErrorCode::malformed, "offset 0: it holds " + std::to_string(bytes.size()) +
                                           " bytes, fewer than a desync report's header"};
  }
  ByteReader in(bytes);
  if (as_text(in.read_bytes(kReportMagic.size())) != kReportMagic) {
    return Error{ErrorCode::malformed, "offset 0: it does not begin with DRUMDSY1"};
  }
  const u32 version = in.read<u32>();
  const u32 hash_version = in.read<u32>();
  if (version != kVersion || hash_version != kStateHashVersion) {
    return Error{ErrorCode::mismatch, "offset 8: version " + std::to_string(version) + " with state hash " +
                                          std::to_string(hash_version) + "; this build reads 1 with 1"};
  }
  ClientReport report;
  report.battle.value = in.read<u64>();
  report.player.value = in.read<u32>();
  const u32 count = in.read<u32>();
  report.simulation = read_id(in);
  report.build = read_id(in);
  const u64 state_bytes = in.read<u64>();
  if (count == 0 || count > kMaxReportHashes || state_bytes > kMaxReportStateBytes) {
    return Error{ErrorCode::exhausted, "offset 28: " + std::to_string(count) + " hashes and a state of " +
                                           std::to_string(state_bytes) + " bytes; 1 to " +
                                           std::to_string(kMaxReportHashes) + " and at most " +
                                           std::to_string(kMaxReportStateBytes) + " are possible"};
  }
  if (bytes.size() != kHeaderBytes + count * kHashBytes + state_bytes) {
    return Error{ErrorCode::malformed, "offset 28: it holds " + std::to_string(bytes.size()) +
                                           " bytes, its header says " +
                                           std::to_string(kHeaderBytes + count * kHashBytes + state_bytes)};
  }
  const u32 reserved = in.read<u32>();
  if (in.read<u32>() != checksum(bytes) || reserved != 0) {
    return Error{ErrorCode::corrupt, "offset 76: its checksum does not hold"};
  }
  for (u32 i = 0; i < count; ++i) {
    const Tick tick = in.read<Tick>();
    if (i != 0 && tick <= report.hashes.back().tick) {
      return Error{ErrorCode::malformed,
                   "offset " + std::to_string(kHeaderBytes + i * kHashBytes) + ": the ticks do not ascend"};
    }
    report.hashes.push_back({tick, in.read<u64>()});
  }
  const Bytes state = in.read_bytes(in.remaining());
  report.state.assign(state.begin(), state.end());
  return report;
}

Result<void> write_report(env::FileSystem& files, const std::string& path, const ClientReport& report) {
  return env::write_file_atomic(files, path, encode_report(report));
}

Result<ClientReport> read_report(env::FileSystem& files, const std::string& path) {
  auto bytes = env::read_file(files, path, kMaxBytes);
  if (!bytes) return std::move(bytes).error();
  auto report = decode_report(*bytes);
  if (!report) return std::move(report).error().within("desync report " + path);
  return report;
}

}  // namespace drumline::desync
