#include "bench/sync/lockstep_player.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace drumline::bench {
namespace {

i64 value_in(const battle::Battle& battle, EntityId id, std::size_t field) {
  return battle.world().table(entity_table(id)).value(field, entity_slot(id));
}

}  // namespace

LockstepPlayer::LockstepPlayer(const Script& script, const env::Clock& clock, u64 seed)
    : SyncPlayer(script, clock, seed), lockstep_(*script.game, {}, *this) {}

void LockstepPlayer::on_mismatch(const lockstep::HashMismatch& mismatch) {
  expect(Error{ErrorCode::mismatch,
               "another state than the server's after tick " + std::to_string(mismatch.tick)});
}

std::optional<SyncPlayer::Body> LockstepPlayer::draw(client::Client& client, TimeNs now) {
  expect(lockstep_.advance(now));
  client.set_sync(lockstep_.sync(), now);
  client.confirm(lockstep_.confirmed_sequence());
  lockstep_.take_messages(messages_);
  for (const wire::ClientMessage& message : messages_) client.tell(message);
  messages_.clear();
  const EntityId id = client.entity();
  if (!lockstep_.running() || !lockstep_.confirmed()->world().table(entity_table(id)).holds(id))
    return std::nullopt;
  look_for_jumps(id);
  const auto both = [&](std::size_t field) {
    return InputProbe::Places{value_in(*lockstep_.predicted(), id, field),
                              value_in(*lockstep_.confirmed(), id, field)};
  };
  const InputProbe::Places states = both(script().state_field);
  return Body{both(script().place_field),
              script().is_free(states.shown) && script().is_free(states.confirmed),
              lockstep_.confirmed()->tick()};
}

// What a rollback shows: another body elsewhere than it can have gone since the last look.
void LockstepPlayer::look_for_jumps(EntityId self) {
  const battle::Battle& battle = *lockstep_.predicted();
  const world::TableBase& table = battle.world().table(entity_table(self));
  const i64 most =
      static_cast<i64>(battle.tick() - std::min(shown_tick_, battle.tick())) * script().most_motion;
  shown_tick_ = battle.tick();
  std::swap(others_, others_before_);
  others_.clear();
  auto before = others_before_.begin();
  table.for_each([&](u32 slot) {
    if (slot == entity_slot(self)) return;
    const Shown& now = others_.emplace_back(
        Shown{slot, table.value(script().place_field, slot), table.value(script().place_field + 1, slot)});
    while (before != others_before_.end() && before->slot < slot) ++before;
    if (before == others_before_.end() || before->slot != slot) return;
    const world::Vector way{world::Fixed::from_raw(now.x - before->x),
                            world::Fixed::from_raw(now.y - before->y)};
    jumps_.note_jump(world::length(way).raw - most);
  });
}

PredictionCost LockstepPlayer::cost() const {
  PredictionCost all = jumps_;
  const lockstep::RollbackStatistics statistics = lockstep_.statistics();
  all.rollbacks = statistics.rollbacks;
  all.resimulated_ticks = statistics.resimulated_ticks;
  all.late_commands = statistics.late_commands;
  return all;
}

}  // namespace drumline::bench
