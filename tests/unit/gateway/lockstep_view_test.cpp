#include "gateway/lockstep_view.hpp"

#include <array>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "base/bytes.hpp"

namespace drumline::gateway {
namespace {

constexpr std::size_t kBudget = 1100;

u64 hash_of(Tick tick) {
  return 1000 + tick;
}

void add(TickLog& log, Tick tick, std::size_t bytes = 20) {
  log.add(tick, hash_of(tick), std::vector<std::byte>(bytes, static_cast<std::byte>(tick)));
}

/// The ticks that the frame of the log's newest tick carries; checks that each has its own payload.
std::multiset<Tick> ticks_of(LockstepView& view, const TickLog& log, int* margin = nullptr) {
  std::array<std::byte, kBudget> memory;
  const std::size_t size = view.assemble(log, memory, kBudget);
  std::multiset<Tick> ticks;
  if (size == 0) return ticks;
  ByteReader in(Bytes(memory).first(size));
  EXPECT_EQ(in.read<std::byte>(), wire::kLockstepFrameKind);
  in.read<u8>();
  const i8 said = in.read<i8>();
  if (margin != nullptr) *margin = said;
  const u8 count = in.read<u8>();
  const u32 newest = in.read<u32>();
  for (u8 i = 0; i < count; ++i) {
    const Tick tick = newest - in.read<u8>();
    const Bytes payload = in.read_bytes(in.read_varint());
    EXPECT_FALSE(payload.empty());
    EXPECT_EQ(payload.front(), static_cast<std::byte>(tick));
    ticks.insert(tick);
  }
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.remaining(), 0u);
  return ticks;
}

wire::CommandAcks stepped(Tick tick, u64 hash) {
  wire::CommandAcks acks;
  acks.sync_tick = static_cast<u32>(tick);
  acks.sync_hash = hash;
  return acks;
}

TEST(lockstep_view, nothing_is_sent_before_the_state_is) {
  TickLog log;
  LockstepView view;
  add(log, 7);
  EXPECT_TRUE(ticks_of(view, log).empty());
  view.begin(7);
  EXPECT_TRUE(ticks_of(view, log).empty());
  add(log, 8);
  EXPECT_EQ(ticks_of(view, log), (std::multiset<Tick>{8}));
}

TEST(lockstep_view, each_tick_goes_out_three_times_in_a_row) {
  TickLog log;
  LockstepView view;
  view.begin(10);
  for (Tick tick = 10; tick <= 14; ++tick) add(log, tick);
  EXPECT_EQ(ticks_of(view, log), (std::multiset<Tick>{12, 13, 14}));
}

TEST(lockstep_view, what_is_not_acknowledged_comes_again_and_what_is_does_not) {
  TickLog log;
  LockstepView view;
  view.begin(0);
  std::map<Tick, int> sent;
  for (Tick tick = 1; tick <= 60; ++tick) {
    add(log, tick);
    for (const Tick each : ticks_of(view, log)) ++sent[each];
    // Tick 5 was stepped, nothing after it.
    if (tick == 10) {
      EXPECT_EQ(view.acknowledge(stepped(5, hash_of(5)), log), LockstepView::Verdict::fine);
    }
  }
  EXPECT_LE(sent[3], 4);
  EXPECT_GE(sent[6], 6) << "a lost tick must come again until it is acknowledged";
}

TEST(lockstep_view, who_says_the_same_tick_again_is_sent_the_next_one_at_once_and_more_copies_from_then_on) {
  TickLog log;
  LockstepView view;
  view.begin(0);
  const auto pass = [&](Tick last) {
    while (log.empty() || log.newest() < last) {
      add(log, log.empty() ? 1 : log.newest() + 1);
      ticks_of(view, log);
    }
  };
  const auto sent_at = [&](Tick newest) {
    pass(newest - 1);
    add(log, newest);
    return ticks_of(view, log);
  };
  const auto say = [&](Tick tick) {
    EXPECT_EQ(view.acknowledge(stepped(tick, hash_of(tick)), log), LockstepView::Verdict::fine);
  };
  pass(10);
  say(8);
  pass(12);
  say(8);  // with the next command, two ticks later: says nothing yet
  EXPECT_EQ(sent_at(13).count(9), 0U);
  pass(14);
  say(8);
  EXPECT_EQ(sent_at(15), (std::multiset<Tick>{9, 11, 12, 13, 14, 15}));
  EXPECT_EQ(sent_at(16).count(9), 1U) << "until it is acknowledged";
  say(15);
  pass(28);
  say(22);
  EXPECT_EQ(sent_at(30), (std::multiset<Tick>{26, 27, 28, 29, 30}));
  // All is well for a minute.
  for (Tick tick = 31; tick < 15 + LockstepView::kLossyTicks; tick += 5) {
    pass(tick);
    say(tick - 1);
  }
  EXPECT_EQ(sent_at(log.newest() + 5).count(log.newest() - 3), 0U);
}

TEST(lockstep_view, another_hash_is_noticed_and_unknown_ticks_are_told_apart) {
  TickLog log;
  LockstepView view;
  view.begin(20);
  for (Tick tick = 20; tick <= 30; ++tick) add(log, tick);
  EXPECT_EQ(view.acknowledge(stepped(25, hash_of(25)), log), LockstepView::Verdict::fine);
  EXPECT_EQ(view.acknowledged(), 25u);
  EXPECT_EQ(view.acknowledge(stepped(26, hash_of(26) + 1), log), LockstepView::Verdict::diverged);
  EXPECT_EQ(view.acknowledged(), 25u);
  EXPECT_EQ(view.acknowledge(stepped(31, 1), log), LockstepView::Verdict::unknown);
  // Of before the state that it was given: not worth a word.
  EXPECT_EQ(view.acknowledge(stepped(12, 1), log), LockstepView::Verdict::fine);
}

TEST(lockstep_view, a_tick_that_fits_no_datagram_is_handed_out_once) {
  TickLog log;
  LockstepView view;
  view.begin(1);
  add(log, 2);
  add(log, 3, 5000);
  add(log, 4);
  EXPECT_EQ(ticks_of(view, log), (std::multiset<Tick>{2, 4}));
  EXPECT_EQ(view.next_large(log, kBudget), Tick{3});
  EXPECT_EQ(view.next_large(log, kBudget), std::nullopt);
}

TEST(lockstep_view, who_falls_behind_too_far_is_lost) {
  TickLog log;
  LockstepView view;
  view.begin(1);
  for (Tick tick = 2; tick <= 200; ++tick) add(log, tick);
  EXPECT_FALSE(view.lost(log));
  for (Tick tick = 201; tick <= 260; ++tick) add(log, tick);
  EXPECT_TRUE(view.lost(log));
  EXPECT_EQ(view.acknowledge(stepped(250, hash_of(250)), log), LockstepView::Verdict::fine);
  EXPECT_FALSE(view.lost(log));
}

TEST(lockstep_view, the_margin_is_the_least_since_the_last_frame) {
  TickLog log;
  LockstepView view;
  view.begin(1);
  add(log, 2);
  view.note_arrival(6, 2);
  view.note_arrival(4, 2);
  view.note_arrival(0, 2);  // wants no certain tick
  int margin = 0;
  ticks_of(view, log, &margin);
  EXPECT_EQ(margin, 1);
  add(log, 3);
  ticks_of(view, log, &margin);
  EXPECT_EQ(margin, wire::kNoMargin);
}

TEST(tick_log, a_gap_forgets_what_was_before) {
  TickLog log;
  add(log, 5);
  add(log, 6);
  EXPECT_TRUE(log.has(5));
  add(log, 9);
  EXPECT_FALSE(log.has(6));
  EXPECT_TRUE(log.has(9));
  EXPECT_EQ(log.whole(static_cast<u32>(Tick{8})), 8u);
}

}  // namespace
}  // namespace drumline::gateway
