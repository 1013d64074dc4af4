// The small pieces: buffer, clock, frame and state in parts.
#include <gtest/gtest.h>

#include "base/bytes.hpp"
#include "lockstep/lockstep_frame.hpp"
#include "lockstep/state_transfer.hpp"
#include "lockstep/tick_buffer.hpp"
#include "lockstep/tick_clock.hpp"
#include "world/rng.hpp"

namespace drumline::lockstep {
namespace {

Bytes text(std::string_view text) {
  return as_bytes(text);
}

TEST(tick_buffer, ticks_leave_in_order_whatever_the_order_in_which_they_come) {
  TickBuffer buffer;
  buffer.put(7, text("seven"));
  buffer.put(5, text("five"));
  EXPECT_FALSE(buffer.front().has_value()) << "nobody knows where to begin";
  buffer.begin(5);
  EXPECT_EQ(as_text(buffer.front().value()), "five");
  buffer.pop();
  EXPECT_FALSE(buffer.front().has_value());
  buffer.put(6, text("six"));
  buffer.put(6, text("again"));
  buffer.put(5, text("late"));
  EXPECT_EQ(as_text(buffer.front().value()), "six");
  buffer.pop();
  EXPECT_EQ(as_text(buffer.front().value()), "seven");
  buffer.pop();
  EXPECT_FALSE(buffer.front().has_value());
}

TEST(tick_buffer, no_more_than_its_ticks_and_bytes_are_kept) {
  TickBuffer buffer;
  buffer.begin(10);
  buffer.put(10 + TickBuffer::kTicks, text("too far"));
  buffer.put(10, text("ten"));
  buffer.pop();
  EXPECT_FALSE(buffer.front().has_value());
  const std::vector<std::byte> half(TickBuffer::kMaxBytes / 2 + 1);
  buffer.put(11, half);
  buffer.put(12, half);
  buffer.put(13, text("small"));
  buffer.pop();
  EXPECT_FALSE(buffer.front().has_value()) << "12 was too much";
  buffer.put(12, half);
  EXPECT_TRUE(buffer.front().has_value()) << "there is room now";
}

TEST(tick_buffer, before_the_beginning_is_known_the_newest_are_kept) {
  TickBuffer buffer;
  for (Tick tick = 1; tick <= TickBuffer::kTicks + 10; ++tick) buffer.put(tick, text("x"));
  buffer.begin(TickBuffer::kTicks);
  for (int i = 0; i <= 10; ++i) {
    ASSERT_TRUE(buffer.front().has_value());
    buffer.pop();
  }
  EXPECT_FALSE(buffer.front().has_value());
}

TEST(tick_clock, jitter_does_not_move_it) {
  TickClock clock;
  EXPECT_FALSE(clock.running());
  world::Rng rng(1);
  const TimeNs start = 5 * kSecondNs;
  for (Tick tick = 100; tick < 1'000; ++tick) {
    const auto jitter = static_cast<i64>(rng.below(static_cast<u64>(40 * kMillisecondNs)));
    const TimeNs due = start + static_cast<i64>(tick) * kTickNs;
    clock.note(tick, due + jitter);
    if (tick < 200) continue;
    const TimeNs off = clock.time_of(tick) - due;
    ASSERT_GE(off, 0);
    ASSERT_LE(off, 4 * kMillisecondNs);
    EXPECT_EQ(clock.tick_at(clock.time_of(tick)), tick);
    EXPECT_EQ(clock.tick_at(clock.time_of(tick) - 1), tick - 1);
  }
}

TEST(tick_clock, a_shorter_way_is_followed_at_once_and_a_longer_one_in_two_seconds) {
  TickClock clock;
  Tick tick = 1;
  const auto run = [&](double seconds, i64 way_ns) {
    for (const Tick end = tick + static_cast<Tick>(seconds * 62.5); tick < end; ++tick) {
      clock.note(tick, static_cast<i64>(tick) * kTickNs + way_ns);
    }
    return clock.time_of(tick) - static_cast<i64>(tick) * kTickNs;
  };
  EXPECT_EQ(run(3, 50 * kMillisecondNs), 50 * kMillisecondNs);
  EXPECT_EQ(run(0.05, 20 * kMillisecondNs), 20 * kMillisecondNs);
  EXPECT_EQ(run(0.5, 80 * kMillisecondNs), 20 * kMillisecondNs);
  EXPECT_EQ(run(2, 80 * kMillisecondNs), 80 * kMillisecondNs);
}

std::vector<std::byte> frame_of_two() {
  std::vector<std::byte> bytes(64);
  ByteWriter out(bytes);
  out.write(u8{2});
  out.write(u8{0});
  out.write(i8{-3});
  out.write(u8{2});
  out.write(u32{1000});
  for (const u8 age : {u8{1}, u8{0}}) {
    out.write(age);
    out.write_varint(5);
    out.write_bytes(as_bytes(age == 0 ? "newer" : "older"));
  }
  bytes.resize(out.size());
  return bytes;
}

TEST(lockstep_frame, its_parts_are_read) {
  auto bytes = frame_of_two();
  LockstepFrame frame;
  ASSERT_TRUE(decode_lockstep_frame(bytes, frame).ok());
  EXPECT_EQ(frame.newest_tick, 1000U);
  EXPECT_EQ(frame.margin_ticks, -3);
  ASSERT_EQ(frame.entries.size(), 2U);
  EXPECT_EQ(frame.entries[0].age_ticks, 1U);
  EXPECT_EQ(as_text(frame.entries[0].payload), "older");
  EXPECT_EQ(as_text(frame.entries[1].payload), "newer");
  bytes[1] = std::byte{0xFF};
  bytes[2] = std::byte{127};
  ASSERT_TRUE(decode_lockstep_frame(bytes, frame).ok());
  EXPECT_FALSE(frame.margin_ticks.has_value());
}

TEST(lockstep_frame, a_cut_or_changed_one_is_an_error_or_another_frame) {
  const auto bytes = frame_of_two();
  LockstepFrame frame;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_lockstep_frame(Bytes(bytes).first(size), frame).ok()) << size;
  }
  auto longer = bytes;
  longer.push_back({});
  EXPECT_FALSE(decode_lockstep_frame(longer, frame).ok());
  world::Rng rng(2);
  for (int i = 0; i < 20'000; ++i) {
    auto changed = bytes;
    changed[rng.below(changed.size())] = static_cast<std::byte>(rng.next_u64());
    if (!decode_lockstep_frame(changed, frame).ok()) continue;
    std::size_t total = 0;
    for (const auto& entry : frame.entries) total += entry.payload.size();
    ASSERT_LE(total, bytes.size());
  }
}

TEST(lockstep_frame, a_ticks_message_is_one_payload_after_another) {
  wire::Ticks ticks;
  ticks.first_tick = 9;
  ticks.bytes = {std::byte{2}, std::byte{'a'}, std::byte{'b'}, std::byte{0}, std::byte{1}, std::byte{'c'}};
  std::vector<Bytes> payloads;
  ASSERT_TRUE(decode_ticks(ticks, payloads).ok());
  ASSERT_EQ(payloads.size(), 3U);
  EXPECT_EQ(as_text(payloads[0]), "ab");
  EXPECT_TRUE(payloads[1].empty());
  EXPECT_EQ(as_text(payloads[2]), "c");
  ticks.bytes.pop_back();
  const auto cut = decode_ticks(ticks, payloads);
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.error().message, "tick 11 of a Ticks message goes past its end");
}

std::vector<wire::SnapshotPart> parts_of_ten() {
  std::vector<wire::SnapshotPart> parts;
  for (const u32 offset : {0U, 4U, 8U}) {
    wire::SnapshotPart part{50, 99, 3, 10, offset, {}};
    for (u32 i = offset; i < std::min(offset + 4, 10U); ++i)
      part.bytes.push_back(static_cast<std::byte>('0' + i));
    parts.push_back(part);
  }
  return parts;
}

TEST(state_transfer, parts_make_the_whole) {
  StateAssembler assembler;
  const auto parts = parts_of_ten();
  for (int round = 0; round < 2; ++round) {
    EXPECT_FALSE(assembler.add(parts[0]).value().has_value());
    EXPECT_FALSE(assembler.add(parts[1]).value().has_value());
    const auto whole = assembler.add(parts[2]).value();
    ASSERT_TRUE(whole.has_value());
    EXPECT_EQ(whole->tick, 50U);
    EXPECT_EQ(whole->state_hash, 99U);
    EXPECT_EQ(as_text(whole->info()), "012");
    EXPECT_EQ(as_text(whole->snapshot()), "3456789");
  }
  // One that begins anew replaces what was there.
  EXPECT_FALSE(assembler.add(parts[0]).value().has_value());
  EXPECT_FALSE(assembler.add(parts[0]).value().has_value());
  EXPECT_FALSE(assembler.add(parts[1]).value().has_value());
  EXPECT_TRUE(assembler.add(parts[2]).value().has_value());
}

TEST(state_transfer, a_part_that_does_not_fit_is_refused) {
  const auto refused = [](auto change, std::size_t before = 1) {
    auto parts = parts_of_ten();
    StateAssembler assembler;
    for (std::size_t i = 0; i < before; ++i) EXPECT_TRUE(assembler.add(parts[i]).ok());
    wire::SnapshotPart part = parts[before];
    change(part);
    return !assembler.add(part).ok();
  };
  using Part = wire::SnapshotPart;
  EXPECT_FALSE(refused([](Part&) {}));
  EXPECT_TRUE(refused([](Part& part) { part.offset = 8; }));
  EXPECT_TRUE(refused([](Part& part) { part.tick = 51; }));
  EXPECT_TRUE(refused([](Part& part) { part.total_bytes = 11; }));
  EXPECT_TRUE(refused([](Part& part) { part.info_bytes = 4; }));
  EXPECT_TRUE(refused([](Part& part) { part.bytes.clear(); }));
  EXPECT_TRUE(refused([](Part& part) { part.bytes.resize(7); }));
  EXPECT_TRUE(refused([](Part& part) { part.info_bytes = 11; }, 0));
  EXPECT_TRUE(refused([](Part& part) { part.total_bytes = wire::kMaxStateBytes + 1; }, 0));
}

TEST(state_transfer, an_own_state_is_cut_into_parts) {
  std::vector<std::byte> state(2 * wire::kMaxPartBytes + 5);
  for (std::size_t i = 0; i < state.size(); ++i) state[i] = static_cast<std::byte>(i * 7);
  std::vector<wire::ClientMessage> messages;
  split_state(12, state, messages);
  ASSERT_EQ(messages.size(), 3U);
  std::vector<std::byte> joined;
  for (const auto& message : messages) {
    const auto& part = std::get<wire::StatePart>(message);
    EXPECT_EQ(part.tick, 12U);
    EXPECT_EQ(part.total_bytes, state.size());
    EXPECT_EQ(part.offset, joined.size());
    joined.insert(joined.end(), part.bytes.begin(), part.bytes.end());
  }
  EXPECT_EQ(joined, state);
}

}  // namespace
}  // namespace drumline::lockstep
