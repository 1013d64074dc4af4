// journal/commit: one group commit of 4 KiB, sealed, written and durable. Its rival
// is the same bare write into a file like a segment in the same folder; the two take
// turns, so that both meet the same disk.
#include <vector>

#include "bench.hpp"
#include "env/clock.hpp"
#include "env/file.hpp"
#include "journal/group_committer.hpp"
#include "sample_times.hpp"

namespace drumline::bench {
namespace {

constexpr u64 kSegmentBytes = 64 * 1024 * 1024;
constexpr std::size_t kBatchBytes = 4096;
constexpr u64 kChunkBytes = 1024 * 1024;

/// The rival's file, pre-written as a segment is.
Result<std::unique_ptr<env::File>> prepare(env::FileSystem& files, const std::string& path) {
  auto file = files.open(path, env::OpenMode::create_truncate);
  if (!file) return file;
  const std::vector<std::byte> zeros(kChunkBytes);
  for (u64 at = 0; at < kSegmentBytes; at += kChunkBytes) {
    if (auto written = (*file)->write_at(at, zeros); !written) return std::move(written).error();
  }
  if (auto synced = (*file)->sync(); !synced) return std::move(synced).error();
  return file;
}

}  // namespace

Result<void> run_journal(const Options& options, const Report& report) {
  const auto files = env::make_system_files();
  const env::SystemClock clock;
  const std::string folder = options.folder + "/journal";
  if (auto made = files->make_folder(folder); !made) return made;
  auto writer = journal::Writer::create(
      *files, clock, folder, 1, kSegmentBytes,
      std::make_unique<journal::ThreadedSegmentSource>(*files, folder, kSegmentBytes));
  if (!writer) return std::move(writer).error();
  auto rival = prepare(*files, folder + "/rival");
  if (!rival) return std::move(rival).error();

  journal::Batch batch(2 * kBatchBytes);
  const std::vector<std::byte> payload(kBatchBytes - journal::kRecordHeaderBytes, std::byte{0x5A});
  const std::vector<std::byte> bare(kBatchBytes, std::byte{0x5A});
  SampleTimes commits;
  SampleTimes writes;
  Result<void> failed;
  Tick tick = 0;
  u64 at = 0;
  sample_for(options.seconds, commits, [&] {
    if (!failed) return;
    Result<void> done;
    commits.time([&] {
      batch.clear();
      done = batch.append({journal::RecordKind::tick, BattleId{1}, Epoch{1}, ++tick}, payload);
      if (done) done = (*writer)->commit(batch);
    });
    if (!done) failed = std::move(done);
    writes.time([&] { done = (*rival)->write_durable_at(at, bare); });
    if (!done) failed = std::move(done);
    at = (at + kBatchBytes) % kSegmentBytes;
  });
  if (!failed) return failed;
  Figure figure = commits.figure_us("journal/commit");
  figure.rival = Figure::Rival{"write", writes.mean_ns() / 1e3};
  report(figure);
  report(writes.figure_us("journal/bare_write"));
  return {};
}

}  // namespace drumline::bench
