// A journal under crashes and faults, and what must hold after each: nothing that
// was acknowledged is missing, nothing comes twice, nothing out of order. Shared by
// the tests of the journal and by those that plant a bug to see it caught.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "env/clock.hpp"
#include "env/simulated_files.hpp"
#include "journal/reader.hpp"
#include "journal/writer.hpp"

namespace drumline::test {

inline constexpr char kJournal[] = "data/journal";

inline std::string note_of(u64 number) {
  std::string text = "note " + std::to_string(number) + " ";
  text.append(number * 37 % 200, static_cast<char>('a' + number % 26));
  return text;
}

inline Result<std::unique_ptr<journal::Writer>> new_writer(env::FileSystem& files, const env::Clock& clock,
                                                           u64 segment_bytes = journal::kMinSegmentBytes) {
  return journal::Writer::create(
      files, clock, kJournal, 0x1234'5678, segment_bytes,
      std::make_unique<journal::InlineSegmentSource>(files, kJournal, segment_bytes));
}

inline Result<void> append_note(journal::Batch& batch, u64 number) {
  return batch.append({journal::RecordKind::note, BattleId{1}, Epoch{1}, number}, as_bytes(note_of(number)));
}

/// All payloads; an error as the reader has it.
inline Result<std::vector<std::string>> read_all(journal::Reader& reader) {
  std::vector<std::string> notes;
  for (;;) {
    auto next = reader.next();
    if (!next) return std::move(next).error();
    if (*next == nullptr) return notes;
    notes.emplace_back(as_text((*next)->payload));
  }
}

inline Result<std::vector<std::string>> read_all(env::FileSystem& files) {
  auto reader = journal::Reader::open(files, kJournal);
  if (!reader) return std::move(reader).error();
  return read_all(**reader);
}

/// One life of a process: opens the journal, or resumes it, and writes notes in
/// batches until it fails or `batches` are done.
struct Life {
  u64 acknowledged = 0;  ///< notes 1 .. this are durable, so the journal says
  u64 attempted = 0;     ///< notes 1 .. this may be there
  std::string found;     ///< what is wrong; empty: nothing
};

inline void check_prefix(const std::vector<std::string>& notes, Life& life) {
  for (std::size_t i = 0; i < notes.size(); ++i) {
    if (notes[i] != note_of(i + 1)) {
      life.found = "record " + std::to_string(i + 1) + " is not note " + std::to_string(i + 1);
      return;
    }
  }
  if (notes.size() < life.acknowledged) {
    life.found = "lost: " + std::to_string(life.acknowledged) + " were acknowledged, " +
                 std::to_string(notes.size()) + " are there";
  } else if (notes.size() > life.attempted) {
    life.found = "there are more records than were written";
  }
}

inline Result<void> live(env::FileSystem& files, const env::Clock& clock, Life& life, u64 batches) {
  auto reader = journal::Reader::open(files, kJournal);
  if (!reader) return std::move(reader).error();
  auto notes = read_all(**reader);
  if (!notes) return std::move(notes).error();
  check_prefix(*notes, life);
  if (!life.found.empty()) return {};
  life.attempted = notes->size();
  if (auto repaired = (*reader)->repair(); !repaired) return repaired;
  life.acknowledged = notes->size();
  auto writer =
      (*reader)->end().segment == 0
          ? new_writer(files, clock)
          : journal::Writer::resume(
                files, clock, kJournal, (*reader)->end(), (*reader)->index(), journal::kMinSegmentBytes,
                std::make_unique<journal::InlineSegmentSource>(files, kJournal, journal::kMinSegmentBytes));
  if (!writer) return std::move(writer).error();
  journal::Batch batch(8192);
  for (u64 i = 0; i < batches; ++i) {
    const u64 count = 1 + (life.attempted * 7 + i) % 12;
    for (u64 n = 0; n < count; ++n) {
      if (auto appended = append_note(batch, life.attempted + 1); !appended) return appended;
      ++life.attempted;
    }
    for (int attempt = 0;; ++attempt) {
      auto committed = (*writer)->commit(batch);
      if (committed) break;
      if ((*writer)->state() != journal::WriterState::read_only || attempt == 3) return committed;
      (void)(*writer)->probe();
    }
    batch.clear();
    life.acknowledged = life.attempted;
  }
  return {};
}

/// Cuts the power at one I/O after the other, some lives long each; returns the first thing wrong.
inline std::string power_cut_campaign(
    u64 cuts, u64 seed,
    const std::function<std::unique_ptr<env::FileSystem>(env::SimulatedFiles&)>& wrap = nullptr) {
  const env::SimulatedClock clock(1, 2);
  for (u64 cut = 1; cut <= cuts; ++cut) {
    env::SimulatedFiles disk({.seed = seed * 1000 + cut});
    const auto wrapped = wrap ? wrap(disk) : nullptr;
    env::FileSystem& files = wrapped ? *wrapped : disk;
    Life life;
    for (u64 round = 0; round < 4; ++round) {
      disk.cut_power_at(cut + round * 5);
      const auto lived = live(files, clock, life, 40);
      const std::string at = " (seed " + std::to_string(seed) + ", cut " + std::to_string(cut) + ", life " +
                             std::to_string(round + 1) + ")";
      if (!life.found.empty()) return life.found + at;
      // Until the power is gone nothing may be refused but by the disk itself.
      if (!lived && lived.error().code != ErrorCode::io) return lived.error().message + at;
      disk.crash();
    }
    const auto lived = live(files, clock, life, 3);
    if (!life.found.empty()) return life.found + " (cut " + std::to_string(cut) + ", at the end)";
    if (!lived) return lived.error().message + " (cut " + std::to_string(cut) + ", at the end)";
  }
  return "";
}

}  // namespace drumline::test
