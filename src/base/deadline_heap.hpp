// Which item is due next: a binary heap whose items know their place in it, so
// that a deadline moves in O(log n).
#pragma once

#include <limits>
#include <utility>
#include <vector>

#include "base/types.hpp"

namespace drumline {

inline constexpr TimeNs kNoDeadline = std::numeric_limits<TimeNs>::max();

/// What an item carries. Derive from it, or hold one.
struct DeadlineSlot {
  static constexpr u32 kOutside = 0xFFFF'FFFFU;
  TimeNs deadline = kNoDeadline;
  u32 heap_index = kOutside;
};

/// T derives from DeadlineSlot. Holds borrowed pointers.
template <class T>
class DeadlineHeap {
 public:
  bool empty() const { return items_.empty(); }
  TimeNs next() const { return items_.empty() ? kNoDeadline : items_.front()->deadline; }
  T& top() { return *items_.front(); }

  /// Puts the item in, or moves it; kNoDeadline takes it out.
  void set(T& item, TimeNs deadline) {
    if (deadline == kNoDeadline) {
      remove(item);
      return;
    }
    const TimeNs before = item.deadline;
    item.deadline = deadline;
    if (item.heap_index == DeadlineSlot::kOutside) {
      item.heap_index = static_cast<u32>(items_.size());
      items_.push_back(&item);
      rise(item.heap_index);
    } else if (deadline < before) {
      rise(item.heap_index);
    } else if (deadline > before) {
      sink(item.heap_index);
    }
  }

  void remove(T& item) {
    const u32 index = item.heap_index;
    if (index == DeadlineSlot::kOutside) return;
    item.heap_index = DeadlineSlot::kOutside;
    item.deadline = kNoDeadline;
    T* last = items_.back();
    items_.pop_back();
    if (last == &item) return;
    place(index, last);
    rise(index);
    sink(last->heap_index);
  }

 private:
  void place(u32 index, T* item) {
    items_[index] = item;
    item->heap_index = index;
  }

  void rise(u32 index) {
    T* item = items_[index];
    while (index > 0) {
      const u32 parent = (index - 1) / 2;
      if (items_[parent]->deadline <= item->deadline) break;
      place(index, items_[parent]);
      index = parent;
    }
    place(index, item);
  }

  void sink(u32 index) {
    T* item = items_[index];
    const u32 count = static_cast<u32>(items_.size());
    for (;;) {
      u32 child = 2 * index + 1;
      if (child >= count) break;
      if (child + 1 < count && items_[child + 1]->deadline < items_[child]->deadline) ++child;
      if (items_[child]->deadline >= item->deadline) break;
      place(index, items_[child]);
      index = child;
    }
    place(index, item);
  }

  std::vector<T*> items_;
};

}  // namespace drumline
