#include "recording/history.hpp"

#include "battle/build_info.hpp"

namespace drumline::recording {

Origin own_origin() {
  return {battle::simulation_id(), battle::build_id()};
}

Result<u64> History::recorded_hash(Tick tick) {
  if (tick == first_tick_) {
    auto state = load_state(tick);
    if (!state) return std::move(state).error();
    return state->state_hash;
  }
  battle::TickRecord record;
  if (auto read = read_tick(tick, record); !read) return std::move(read).error();
  return record.state_hash;
}

Result<void> check_origin(const History& history, bool force, std::vector<std::string>& notes) {
  const Origin own = own_origin();
  const Origin& of = history.origin();
  // A data folder does not say; there every hash is compared, which tells more.
  if (of.simulation.empty()) return {};
  if (of.simulation == own.simulation) {
    if (of.build != own.build) {
      notes.push_back(history.name() + ": made by build " + of.build + ", this is build " + own.build +
                      ": the same simulation, compiled otherwise; hashes must agree");
    }
    return {};
  }
  const std::string ids =
      "it was made by simulation " + of.simulation + ", this program runs simulation " + own.simulation;
  if (!force) {
    return Error{ErrorCode::mismatch,
                 history.name() + ": " + ids +
                     ": replay it with a program of that simulation, or go on all the same with --force"};
  }
  notes.push_back(history.name() + ": " + ids +
                  ": rules or step sources were changed in between, so states may differ from some tick on; "
                  "every hash is compared all the same, and the first that differs is told");
  return {};
}

}  // namespace drumline::recording
