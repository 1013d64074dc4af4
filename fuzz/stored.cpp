// What is read from a disk: journal records, recordings' heads and indices, snapshots.
#include "fuzz.hpp"
#include "journal/format.hpp"
#include "recording/format.hpp"
#include "unit/broadcast/moving_world.hpp"
#include "world/snapshot.hpp"

namespace drumline::fuzz {

void run(Bytes input) {
  if (input.size() >= journal::kSegmentHeaderBytes)
    (void)journal::decode_segment_header(input.first(journal::kSegmentHeaderBytes));
  const std::size_t framed = journal::framed_record_bytes(input);
  if (framed != 0 && framed <= input.size()) {
    if (const auto record = journal::parse_record(input.first(framed), 1, 4096, nullptr); record)
      DRUM_ASSERT(record->payload.size() <= input.size());
  }
  if (input.size() >= recording::kHeaderBytes)
    (void)recording::decode_header(input.first(recording::kHeaderBytes));
  (void)recording::decode_index(input);
  (void)world::read_snapshot(input);
  broadcast::testing::MovingWorld world(4, 2, 60, 3);
  (void)world::restore_snapshot(input, "moving", world.world());
}

std::vector<Input> seeds() {
  std::vector<Input> all;
  broadcast::testing::MovingWorld world(4, 2, 60, 3);
  Input snapshot;
  world::encode_snapshot(world.world(), "moving", snapshot);
  all.push_back(snapshot);
  std::array<std::byte, journal::kSegmentHeaderBytes> head{};
  journal::encode_segment_header({}, head);
  all.push_back(input_of(Bytes(head)));
  constexpr std::size_t kPayload = 24;
  Input record(journal::record_bytes(kPayload));
  journal::begin_record(
      {}, kPayload,
      std::span<std::byte, journal::kRecordHeaderBytes>(record.data(), journal::kRecordHeaderBytes));
  journal::seal_record(record, 1, 4096, 5);
  all.push_back(record);
  std::array<std::byte, recording::kHeaderBytes> recording_head{};
  recording::encode_header({}, recording_head);
  all.push_back(input_of(Bytes(recording_head)));
  all.push_back(recording::encode_index({}));
  return all;
}

}  // namespace drumline::fuzz
