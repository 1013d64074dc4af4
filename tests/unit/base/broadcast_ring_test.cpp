#include "base/broadcast_ring.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/bytes.hpp"

namespace drumline {
namespace {

void publish(BroadcastRing& ring, std::string_view text, std::size_t room = 0) {
  const MutableBytes space = ring.begin(std::max(text.size(), room));
  if (!text.empty()) std::memcpy(space.data(), text.data(), text.size());
  ring.publish(text.size());
}

/// A frame whose every byte follows from its number, and its length too.
std::size_t size_of_frame(u64 number) {
  return 8 + (number * 2'654'435'761U) % 900;
}
void publish_numbered(BroadcastRing& ring, u64 number) {
  const std::size_t size = size_of_frame(number);
  const MutableBytes space = ring.begin(1024);
  std::memcpy(space.data(), &number, 8);
  std::memset(space.data() + 8, static_cast<int>(number & 0xFF), size - 8);
  ASSERT_EQ(ring.publish(size), number);
}
bool is_numbered(Bytes frame, u64 number) {
  u64 held = 0;
  if (frame.size() != size_of_frame(number)) return false;
  std::memcpy(&held, frame.data(), 8);
  return held == number && std::all_of(frame.begin() + 8, frame.end(), [&](std::byte byte) {
           return byte == static_cast<std::byte>(number & 0xFF);
         });
}

TEST(broadcast_ring, every_consumer_reads_every_frame_in_order) {
  BroadcastRing ring({.slots = 8, .consumers = 2, .max_frame_bytes = 64});
  publish(ring, "one");
  publish(ring, "two", 40);
  publish(ring, "");
  for (u32 index = 0; index < 2; ++index) {
    auto& consumer = ring.consumer(index);
    u64 sequence = 0;
    for (const char* text : {"one", "two", ""}) {
      const auto frame = consumer.peek();
      ASSERT_TRUE(frame);
      EXPECT_EQ(as_text(*frame), text);
      EXPECT_EQ(consumer.sequence(), sequence++);
      consumer.release();
    }
    EXPECT_FALSE(consumer.peek());
    EXPECT_EQ(consumer.lapped(), 0U);
  }
}

TEST(broadcast_ring, a_frame_is_not_seen_before_it_is_published) {
  BroadcastRing ring({.slots = 4, .max_frame_bytes = 64});
  ring.begin(64);
  EXPECT_FALSE(ring.consumer(0).peek());
  ring.begin(10);
  ring.publish(10);
  EXPECT_EQ(ring.consumer(0).peek()->size(), 10U);
}

TEST(broadcast_ring, a_reader_that_is_lapped_learns_it_and_goes_on_at_the_newest) {
  BroadcastRing ring({.slots = 4, .max_frame_bytes = 64});
  auto& consumer = ring.consumer(0);
  for (int i = 0; i < 10; ++i) publish(ring, std::to_string(i));
  const auto frame = consumer.peek();
  ASSERT_TRUE(frame);
  EXPECT_EQ(as_text(*frame), "9");
  EXPECT_EQ(consumer.lapped(), 9U);
  consumer.release();
  EXPECT_FALSE(consumer.peek());
}

TEST(broadcast_ring, the_byte_limit_evicts_the_oldest_early) {
  const BroadcastRing::Options options{.slots = 2048, .consumers = 1, .max_frame_bytes = 1024, .bytes = 8192};
  BroadcastRing ring(options);
  for (u64 i = 0; i < 100; ++i) publish_numbered(ring, i);
  EXPECT_LT(ring.retained(), 40U);
  EXPECT_GE(ring.retained(), 7U);
  auto& consumer = ring.consumer(0);
  EXPECT_TRUE(is_numbered(*consumer.peek(), 99));
  EXPECT_EQ(consumer.lapped(), 99U);
}

TEST(broadcast_ring, a_pinned_frame_stays_whole_while_the_ring_goes_round) {
  BroadcastRing ring({.slots = 16, .consumers = 3, .max_frame_bytes = 1024, .bytes = 1});
  std::vector<std::pair<Bytes, u64>> held;
  u64 number = 0;
  for (u32 index = 0; index < 2; ++index) {
    publish_numbered(ring, number++);
    ring.consumer(index).skip_to_end();
    publish_numbered(ring, number++);
    held.emplace_back(*ring.consumer(index).peek(), number - 1);
  }
  for (int i = 0; i < 1000; ++i) publish_numbered(ring, number++);
  for (const auto& [frame, held_number] : held) EXPECT_TRUE(is_numbered(frame, held_number));
  EXPECT_TRUE(is_numbered(*ring.consumer(2).peek(), number - 1));
}

TEST(broadcast_ring, there_is_room_even_when_every_consumer_pins_a_frame) {
  std::mt19937_64 random(9);
  const BroadcastRing::Options options{
      .slots = 64, .consumers = BroadcastRing::kMaxConsumers, .max_frame_bytes = 1024, .bytes = 1};
  BroadcastRing ring(options);
  std::vector<std::pair<Bytes, u64>> held(options.consumers);
  u64 number = 0;
  for (int round = 0; round < 5000; ++round) {
    publish_numbered(ring, number++);
    // Somebody lets go and takes the newest, at random: the pins are everywhere.
    const u32 index = static_cast<u32>(random() % options.consumers);
    if (!held[index].first.empty()) {
      ASSERT_TRUE(is_numbered(held[index].first, held[index].second));
    }
    auto& consumer = ring.consumer(index);
    consumer.release();
    if (const auto frame = consumer.peek()) {
      held[index] = {*frame, consumer.sequence()};
      ASSERT_TRUE(is_numbered(*frame, consumer.sequence()));
    } else {
      held[index] = {};
    }
  }
}

TEST(broadcast_ring, skip_to_end_forgets_what_waits_without_calling_it_lost) {
  BroadcastRing ring({.slots = 4, .max_frame_bytes = 64});
  publish(ring, "old");
  ring.consumer(0).skip_to_end();
  EXPECT_FALSE(ring.consumer(0).peek());
  publish(ring, "new");
  EXPECT_EQ(as_text(*ring.consumer(0).peek()), "new");
  EXPECT_EQ(ring.consumer(0).lapped(), 0U);
}

TEST(broadcast_ring, fast_and_slow_readers_see_only_whole_frames_while_one_writes) {
  constexpr u64 kFrames = 30'000;
  constexpr u32 kConsumers = 4;
  BroadcastRing ring({.slots = 64, .consumers = kConsumers, .max_frame_bytes = 1024, .bytes = 16 << 10});
  std::atomic<bool> done{false};
  std::array<u64, kConsumers> read{};
  std::array<u64, kConsumers> broken{};
  std::vector<std::thread> threads;
  for (u32 index = 0; index < kConsumers; ++index) {
    threads.emplace_back([&, index] {
      auto& consumer = ring.consumer(index);
      u64 expected_at_least = 0;
      while (true) {
        const bool last_look = done.load(std::memory_order_acquire);
        const auto frame = consumer.peek();
        if (!frame) {
          if (last_look) break;
          std::this_thread::yield();
          continue;
        }
        // The last consumer dawdles with its frame in its hands.
        if (index == kConsumers - 1) std::this_thread::sleep_for(std::chrono::microseconds(300));
        if (consumer.sequence() < expected_at_least || !is_numbered(*frame, consumer.sequence()))
          ++broken[index];
        expected_at_least = consumer.sequence() + 1;
        ++read[index];
        consumer.release();
      }
    });
  }
  for (u64 number = 0; number < kFrames; ++number) {
    publish_numbered(ring, number);
    if (number % 64 == 0) std::this_thread::yield();
  }
  done.store(true, std::memory_order_release);
  for (std::thread& thread : threads) thread.join();
  for (u32 index = 0; index < kConsumers; ++index) {
    EXPECT_EQ(broken[index], 0U) << index;
    // Nothing is unaccounted for: read or reported as missed.
    EXPECT_EQ(read[index] + ring.consumer(index).lapped(), kFrames) << index;
  }
  EXPECT_GT(ring.consumer(kConsumers - 1).lapped(), 0U);
}

}  // namespace
}  // namespace drumline
