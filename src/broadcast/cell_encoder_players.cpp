// CellEncoder: where players are, what matters to them and which entities are theirs.
#include <algorithm>
#include <array>

#include "broadcast/cell_encoder.hpp"

namespace drumline::broadcast {
namespace {

/// Who is near whom is looked at in every so-many-th frame: nobody comes far in that time.
constexpr u32 kNearnessPeriod = 4;

}  // namespace

void CellEncoder::put_places(const EncodeInput& input, ByteWriter& out) {
  const std::size_t count = std::min<std::size_t>(input.seats.size(), kMaxSeats);
  if (places_.size() < count) places_.resize(count);
  if (nearness_ && positions_.size() < count) {
    positions_.resize(count);
    calm_.resize(count);
  }
  const bool looks_around = nearness_ && ++since_nearness_ >= kNearnessPeriod;
  for (std::size_t i = 0; i < count; ++i) {
    const SeatState& seat = input.seats[i];
    PlayerPlace& place = places_[i];
    place.sequence = seat.sequence;
    place.stream = table_.stream_of(seat.entity);
    if (hiding_ != nullptr) {
      place.team = static_cast<u8>(hiding_->team_of(PlayerSlot{static_cast<u32>(i)}));
      DRUM_ASSERT(place.team < hiding_->team_count());
    }
    PlayerPosition position;
    position.known = place.stream != kNoStream;
    // Who has no entity stays where he last was.
    if (position.known) {
      table_.position_of(input.world, seat.entity, position.x, position.y);
      place.x = grid_.share_of_width(position.x);
      place.y = grid_.share_of_height(position.y);
    }
    if (looks_around) positions_[i] = position;
  }
  if (looks_around) {
    since_nearness_ = 0;
    nearness_->update(std::span(positions_).first(count), std::span(calm_).first(count));
    for (std::size_t i = 0; i < count; ++i) places_[i].calm = calm_[i];
  }
  out.write_bytes(std::as_bytes(std::span(places_).first(count)));
  pad_section(out);
}

void CellEncoder::put_relevant(std::size_t count, ByteWriter& out) {
  const world::Visibility& visibility = *settings_.visibility;
  std::array<EntityId, world::kMaxRelevant> named;
  const std::span<EntityId> room = std::span(named).first(visibility.most_relevant());
  for (std::size_t i = 0; i < count; ++i) {
    RelevantStreams relevant;
    relevant.streams.fill(kNoStream);
    const u32 players = std::min<u32>(visibility.relevant_to(PlayerSlot{static_cast<u32>(i)}, room),
                                      static_cast<u32>(room.size()));
    for (u32 n = 0; n < players; ++n) relevant.streams[n] = table_.stream_of(named[n]);
    out.write_bytes(std::as_bytes(std::span(&relevant, 1)));
  }
}

u32 CellEncoder::put_entities(const EncodeInput& input, bool all, ByteWriter& out) {
  const std::size_t count = std::min<std::size_t>(input.seats.size(), kMaxSeats);
  if (entities_.size() < count) entities_.resize(count);
  u32 written = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const u64 entity = input.seats[i].entity.value;
    if (entities_[i] == entity && (!all || entity == 0)) continue;
    entities_[i] = entity;
    const PlayerEntity record{static_cast<u32>(i), 0, entity};
    out.write_bytes(std::as_bytes(std::span(&record, 1)));
    ++written;
  }
  return written;
}

}  // namespace drumline::broadcast
