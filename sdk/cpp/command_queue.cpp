#include "client/command_queue.hpp"

#include <algorithm>

namespace drumline::client {

u32 CommandQueue::push(world::Command command, TimeNs now) {
  command.sequence = ++last_sequence_;
  if (count_ == kMaxKept) drop_oldest(1);
  kept_[count_++] = {command, 0};
  deadline_ = now;
  return command.sequence;
}

void CommandQueue::confirm(u32 sequence) {
  std::size_t done = 0;
  while (done < count_ && kept_[done].command.sequence <= sequence) ++done;
  drop_oldest(done);
  if (count_ == 0) deadline_ = kNever;
}

void CommandQueue::refuse(u32 sequence) {
  for (std::size_t i = 0; i < count_; ++i) {
    if (kept_[i].command.sequence == sequence) return remove(i);
  }
}

void CommandQueue::clear() {
  count_ = 0;
  deadline_ = kNever;
}

std::size_t CommandQueue::write(MutableBytes out, std::span<const u32> key_acks, TimeNs now,
                                const wire::SyncAck& sync, u8 visit) {
  if (count_ == 0) {
    deadline_ = kNever;
    return key_acks.empty() && sync.tick == 0
               ? 0
               : wire::encode_command(world::Command{}, key_acks, out, sync, visit);
  }
  std::size_t size = 0;
  const std::size_t first = count_ > kFramesPerDatagram ? count_ - kFramesPerDatagram : 0;
  for (std::size_t i = first; i < count_; ++i) {
    const bool newest = i + 1 == count_;
    size += wire::encode_command(kept_[i].command, newest ? key_acks : std::span<const u32>(),
                                 out.subspan(size), newest ? sync : wire::SyncAck{}, visit);
    ++kept_[i].sends;
  }
  // Those that no longer fit and those sent often enough are let go, from the oldest on.
  std::size_t gone = first;
  while (gone < count_ && sent_often_enough(kept_[gone])) ++gone;
  drop_oldest(gone);
  if (count_ == 0) {
    deadline_ = kNever;
    return size;
  }
  const Kept& newest = kept_[count_ - 1];
  deadline_ = now + (newest.command.apply_tick == 0 ? repeat_ns_ : kTimedRepeatNs << (newest.sends - 1));
  return size;
}

bool CommandQueue::sent_often_enough(const Kept& kept) {
  return kept.sends >= (kept.command.apply_tick == 0 ? kSends : kTimedSends);
}

void CommandQueue::drop_oldest(std::size_t how_many) {
  std::copy(kept_.begin() + static_cast<std::ptrdiff_t>(how_many),
            kept_.begin() + static_cast<std::ptrdiff_t>(count_), kept_.begin());
  count_ -= how_many;
}

void CommandQueue::remove(std::size_t at) {
  std::copy(kept_.begin() + static_cast<std::ptrdiff_t>(at) + 1,
            kept_.begin() + static_cast<std::ptrdiff_t>(count_),
            kept_.begin() + static_cast<std::ptrdiff_t>(at));
  --count_;
}

}  // namespace drumline::client
