#include "recording/writer.hpp"

#include <array>

#include "base/bytes.hpp"

namespace drumline::recording {
namespace {

constexpr std::size_t kFlushBytes = std::size_t{256} << 10;

void append(std::vector<std::byte>& to, Bytes bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<std::unique_ptr<RecordingWriter>> RecordingWriter::begin(env::FileSystem& files, std::string path,
                                                                const battle::Battle& battle,
                                                                const WriterOptions& options) {
  DRUM_ASSERT(options.snapshot_every > 0);
  std::unique_ptr<RecordingWriter> writer(
      new RecordingWriter(files, std::move(path), options.snapshot_every));
  auto file = files.open(writer->making(), env::OpenMode::create_truncate);
  if (!file) return std::move(file).error();
  writer->file_ = std::move(file).value();
  RecordingHeader header;
  header.battle = battle.info().id;
  header.epoch = battle.info().epoch;
  header.first_tick = battle.tick();
  header.snapshot_every = options.snapshot_every;
  header.simulation = options.origin.simulation;
  header.build = options.origin.build;
  writer->buffer_.resize(kHeaderBytes);
  encode_header(header, std::span(writer->buffer_).first<kHeaderBytes>());
  const u64 created_hash = battle.tick() == 0 ? battle.state_hash() : 0;
  Result<void> done =
      writer->put(BlockKind::battle, battle.tick(), battle::encode_created({battle.info(), created_hash}));
  if (done) done = writer->put_snapshot(battle);
  if (!done) return std::move(done).error();
  return writer;
}

RecordingWriter::~RecordingWriter() {
  if (file_ == nullptr) return;
  file_.reset();
  (void)files_.remove(making());
}

Result<void> RecordingWriter::put(BlockKind kind, Tick tick, Bytes payload) {
  if (payload.size() > kMaxBlockBytes) {
    return Error{ErrorCode::exhausted, path_ + ": a " + std::string(block_kind_name(kind)) + " of " +
                                           std::to_string(payload.size()) + " bytes; at most " +
                                           std::to_string(kMaxBlockBytes) + " are possible"};
  }
  std::array<std::byte, kBlockHeaderBytes> header;
  encode_block_header(kind, index_.blocks, tick, payload, header);
  append(buffer_, header);
  append(buffer_, payload);
  ++index_.blocks;
  return buffer_.size() < kFlushBytes ? Result<void>{} : flush();
}

Result<void> RecordingWriter::put_snapshot(const battle::Battle& battle) {
  battle.encode_snapshot(scratch_);
  index_.snapshots.push_back({battle.tick(), bytes()});
  index_.last_tick = battle.tick();
  return put(BlockKind::snapshot, battle.tick(), scratch_);
}

Result<void> RecordingWriter::flush() {
  if (buffer_.empty()) return {};
  if (auto written = file_->write_at(offset_, buffer_); !written) return written;
  offset_ += buffer_.size();
  buffer_.clear();
  return {};
}

Result<void> RecordingWriter::add(const battle::Battle& battle, const battle::TickOutcome& outcome) {
  DRUM_ASSERT(file_ != nullptr && outcome.tick == index_.last_tick + 1);
  scratch_.resize(battle::max_tick_bytes(outcome.accepted.size()));
  ByteWriter tick(scratch_);
  battle::encode_tick(outcome.state_hash, 0, outcome.accepted, tick);
  DRUM_ASSERT(tick.ok());
  index_.last_tick = outcome.tick;
  if (auto done = put(BlockKind::tick, outcome.tick, tick.written()); !done) return done;
  return outcome.tick % snapshot_every_ == 0 ? put_snapshot(battle) : Result<void>{};
}

Result<void> RecordingWriter::finish() {
  DRUM_ASSERT(file_ != nullptr);
  Trailer trailer;
  trailer.index_offset = bytes();
  if (auto done = put(BlockKind::index, index_.last_tick, encode_index(index_)); !done) return done;
  trailer.file_bytes = bytes() + kTrailerBytes;
  std::array<std::byte, kTrailerBytes> end;
  encode_trailer(trailer, end);
  append(buffer_, end);
  Result<void> done = flush();
  if (done) done = file_->sync();
  if (done) done = files_.rename(making(), path_);
  if (!done) return done;
  file_.reset();
  return files_.sync_folder(folder_of(path_));
}

}  // namespace drumline::recording
