// How clients are kept in step with a battle. Chosen for each battle; it is no part
// of the state, and no game needs to know it (docs/sync-models.md).
#pragma once

#include <optional>
#include <string_view>

#include "base/types.hpp"

namespace drumline::world {

enum class SyncModel : u8 {
  /// The server shows interest-managed state; clients overwrite and interpolate.
  state_broadcast = 0,
  /// The server adjudicates and shows state at a rate; clients predict themselves,
  /// interpolate the others and reconcile; hits are checked where the sender saw them.
  frame_sync = 1,
  /// The server relays each tick's accepted inputs; clients run the same step.
  lockstep = 2,
};
inline constexpr u8 kSyncModels = 3;

constexpr std::string_view sync_model_name(SyncModel model) {
  switch (model) {
    case SyncModel::state_broadcast:
      return "state_broadcast";
    case SyncModel::frame_sync:
      return "frame_sync";
    case SyncModel::lockstep:
      return "lockstep";
  }
  return "unknown";
}
constexpr std::optional<SyncModel> parse_sync_model(std::string_view name) {
  for (u8 i = 0; i < kSyncModels; ++i) {
    if (sync_model_name(static_cast<SyncModel>(i)) == name) return static_cast<SyncModel>(i);
  }
  return std::nullopt;
}

/// How one battle is synchronised.
struct SyncSettings {
  SyncModel model = SyncModel::state_broadcast;
  u8 send_period_ticks = 1;  ///< state frames go out in every so-many-th tick, 1 .. kMaxSendPeriodTicks

  friend bool operator==(const SyncSettings&, const SyncSettings&) = default;
};
inline constexpr u8 kMaxSendPeriodTicks = 62;

/// How long ticks take, in percent of kTickNs: more while a node is overloaded
/// (battle/overload_ladder.hpp). No part of the state, which knows ticks alone.
inline constexpr u32 kNormalPacePercent = 100;
inline constexpr u32 kMaxPacePercent = 1000;
constexpr bool is_pace(u32 percent) {
  return percent >= kNormalPacePercent && percent <= kMaxPacePercent;
}

}  // namespace drumline::world
