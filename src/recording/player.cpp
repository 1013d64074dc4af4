#include "recording/player.hpp"

#include <algorithm>

#include "base/hex.hpp"

namespace drumline::recording {

Result<void> Player::begin_at(Tick tick) {
  battle_.reset();
  difference_.reset();
  difference_tick_ = 0;
  auto state = history_.load_state(tick);
  if (!state) return std::move(state).error();
  auto made = state->as_created ? battle::Battle::create(game_, history_.info())
                                : battle::Battle::restore(game_, history_.info(), state->content);
  if (!made) {
    return std::move(made).error().within(history_.name() + ": " +
                                          battle::tick_name(history_.info().id, tick));
  }
  if ((*made)->tick() != tick) {
    return Error{ErrorCode::corrupt, history_.name() + ": the state of tick " + std::to_string(tick) +
                                         " is of tick " + std::to_string((*made)->tick())};
  }
  battle_ = std::move(made).value();
  began_at_ = tick;
  if (battle_->state_hash() != state->state_hash) {
    difference_tick_ = tick;
    difference_ = Error{ErrorCode::mismatch, battle::tick_name(history_.info().id, tick) +
                                                 ": the state hash is 0x" + to_hex(battle_->state_hash()) +
                                                 ", recorded is 0x" + to_hex(state->state_hash)};
  }
  return {};
}

Result<void> Player::seek(Tick tick) {
  if (tick < history_.first_tick() || tick > history_.last_tick()) {
    return Error{ErrorCode::not_found,
                 history_.name() + ": battle " + std::to_string(history_.info().id.value) +
                     " cannot be shown at tick " + std::to_string(tick) + ": what is kept begins at tick " +
                     std::to_string(history_.first_tick()) + " and leads to tick " +
                     std::to_string(history_.last_tick())};
  }
  const std::vector<Tick>& stored = history_.stored_ticks();
  for (auto from = std::upper_bound(stored.begin(), stored.end(), tick); from != stored.begin();) {
    --from;
    if (battle_ != nullptr && battle_->tick() <= tick && *from <= battle_->tick()) break;
    auto begun = begin_at(*from);
    if (begun) break;
    passed_over_.push_back(std::move(begun).error());
  }
  if (battle_ == nullptr) return passed_over_.back();
  while (battle_->tick() < tick) {
    if (auto played = next(); !played) return std::move(played).error();
  }
  return {};
}

Result<PlayedTick> Player::next(battle::StepObserver* observer) {
  DRUM_ASSERT(battle_ != nullptr);
  const Tick tick = battle_->tick() + 1;
  if (auto read = history_.read_tick(tick, tick_); !read) return std::move(read).error();
  PlayedTick played;
  played.outcome = battle_->step(tick_.inputs, observer);
  played.recorded_hash = tick_.state_hash;
  played.difference = battle::compare_tick(*battle_, tick_, played.outcome);
  if (played.difference && !difference_) {
    difference_ = played.difference;
    difference_tick_ = tick;
  }
  return played;
}

}  // namespace drumline::recording
