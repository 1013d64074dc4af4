#include "gateway/lockstep_view.hpp"

#include <algorithm>
#include <cstring>

#include "base/bytes.hpp"

namespace drumline::gateway {
namespace {

/// Of an entry: age, and the length of what follows.
constexpr std::size_t kEntryHeadBytes = 4;

}  // namespace

void LockstepView::begin(Tick tick) {
  from_ = tick + 1;
  acknowledged_ = tick;
  large_until_ = tick;
  stuck_ = false;
}

LockstepView::Verdict LockstepView::acknowledge(const wire::CommandAcks& acks, const TickLog& log) {
  if (acks.sync_tick == 0 || !begun() || log.empty()) return Verdict::fine;
  const Tick tick = log.whole(acks.sync_tick);
  if (tick + 1 < from_) return Verdict::fine;  // of before it was given the state anew
  if (tick == from_ - 1) return Verdict::fine;
  if (!log.has(tick)) return Verdict::unknown;
  if (log.state_hash(tick) != acks.sync_hash) return Verdict::diverged;
  if (tick > acknowledged_) {
    acknowledged_ = tick;
    progress_at_ = log.newest();
    stuck_ = false;
    const u32 lag = static_cast<u32>(log.newest() - tick);
    ack_lag_ticks_ = (ack_lag_ticks_ * 7 + lag * 1 + 7) / 8;
  } else if (tick == acknowledged_ && log.newest() - progress_at_ >= kStuckTicks) {
    stuck_ = true;
    lossy_until_ = log.newest() + kLossyTicks;
  }
  return Verdict::fine;
}

void LockstepView::note_arrival(u32 apply_tick, Tick newest) {
  if (apply_tick == 0) return;
  const i32 early = static_cast<i32>(apply_tick - static_cast<u32>(newest + 1));
  margin_ = std::min(margin_, static_cast<i8>(std::clamp(early, -126, 126)));
}

std::optional<Tick> LockstepView::next_large(const TickLog& log, std::size_t budget) {
  if (!begun()) return std::nullopt;
  while (large_until_ < log.newest()) {
    const Tick tick = ++large_until_;
    if (!log.has(tick)) continue;
    if (wire::kLockstepFrameHeadBytes + kEntryHeadBytes + log.payload(tick).size() > budget) return tick;
  }
  return std::nullopt;
}

std::size_t LockstepView::assemble(const TickLog& log, MutableBytes out, std::size_t budget) {
  budget = std::min(budget, out.size());
  if (!begun() || log.empty() || budget < wire::kLockstepFrameHeadBytes) return 0;
  const Tick newest = log.newest();
  ByteWriter to(out.first(budget));
  to.write(static_cast<u8>(wire::kLockstepFrameKind));
  to.write(u8{0});
  to.write(static_cast<u8>(margin_));
  to.write(u8{0});
  to.write(static_cast<u32>(newest));
  u8 count = 0;
  const auto put = [&](Tick tick) {
    const Bytes payload = log.payload(tick);
    if (payload.size() + kEntryHeadBytes > to.remaining() || count == 255) return;
    to.write(static_cast<u8>(newest - tick));
    to.write_varint(payload.size());
    to.write_bytes(payload);
    ++count;
  };
  // What may be missing comes first: nothing after it can be stepped without it.
  const Tick first = std::max(acknowledged_ + 1, from_);
  const Tick oldest = newest > kMaxAgeTicks ? newest - kMaxAgeTicks : 1;
  const u32 copies = newest < lossy_until_ ? kLossyCopies : kCopies;
  const u32 patience = ack_lag_ticks_ + copies;
  for (Tick tick = std::max(first, oldest); tick + copies <= newest; ++tick) {
    const u32 age = static_cast<u32>(newest - tick);
    const bool due = age >= patience && (age - patience) % kRepeatTicks == 0;
    if ((due || (stuck_ && tick == first)) && log.has(tick)) put(tick);
  }
  for (u32 age = std::min<u32>(copies, static_cast<u32>(std::min<Tick>(newest, 255))); age-- > 0;) {
    const Tick tick = newest - age;
    if (tick >= first && log.has(tick)) put(tick);
  }
  margin_ = wire::kNoMargin;
  if (!to.ok()) return 0;
  out[3] = static_cast<std::byte>(count);
  return to.size();
}

bool LockstepView::lost(const TickLog& log) const {
  if (!begun() || log.empty()) return false;
  const Tick first = std::max(acknowledged_ + 1, from_);
  return first <= log.newest() && (log.newest() - first > kMaxAgeTicks || !log.has(first));
}

}  // namespace drumline::gateway
