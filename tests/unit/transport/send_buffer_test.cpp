#include "transport/quic/send_buffer.hpp"

#include <algorithm>
#include <deque>

#include <gtest/gtest.h>

#include "base/deadline_heap.hpp"
#include "env/random.hpp"

namespace drumline::transport {
namespace {

TEST(send_buffer, gives_back_every_byte_in_order_and_keeps_it_until_acknowledged) {
  SendBuffer buffer(40'000);
  env::SeededRandom random(3);
  std::string in, out;
  std::deque<std::pair<Bytes, std::string>> in_flight;
  u64 acknowledged = 0;
  for (int i = 0; i < 3'000; ++i) {
    std::string chunk(random.next_u64() % 9'000, '\0');
    random.fill(std::as_writable_bytes(std::span(chunk)));
    if (buffer.append(std::as_bytes(std::span(chunk)))) in += chunk;
    std::array<Bytes, 3> views;
    const std::size_t count = buffer.unsent(views);
    u64 sent = 0;
    for (std::size_t v = 0; v < count; ++v) {
      const std::string text(reinterpret_cast<const char*>(views[v].data()), views[v].size());
      in_flight.emplace_back(views[v], text);
      out += text;
      sent += text.size();
    }
    buffer.mark_sent(sent);
    while (in_flight.size() > 5) {
      // What was handed out has not moved.
      const auto& [view, text] = in_flight.front();
      ASSERT_EQ(std::string(reinterpret_cast<const char*>(view.data()), view.size()), text);
      acknowledged += text.size();
      in_flight.pop_front();
      buffer.acknowledge(acknowledged);
    }
    ASSERT_LE(buffer.held_bytes(), 40'000U);
  }
  EXPECT_GT(out.size(), 1'000'000U);
  EXPECT_EQ(in.substr(0, out.size()), out);
}

TEST(send_buffer, takes_all_or_nothing_at_its_capacity) {
  SendBuffer buffer(100);
  const std::string text(100, 'x');
  EXPECT_TRUE(buffer.append(std::as_bytes(std::span(text))));
  EXPECT_FALSE(buffer.append(std::as_bytes(std::span(text)).first(1)));
  buffer.mark_sent(100);
  buffer.acknowledge(40);
  EXPECT_TRUE(buffer.append(std::as_bytes(std::span(text)).first(40)));
  EXPECT_FALSE(buffer.append(std::as_bytes(std::span(text)).first(1)));
  EXPECT_FALSE(buffer.all_acknowledged());
}

struct Item : DeadlineSlot {};

TEST(deadline_heap, always_has_the_earliest_on_top) {
  env::SeededRandom random(5);
  std::vector<Item> items(200);
  DeadlineHeap<Item> heap;
  for (int i = 0; i < 20'000; ++i) {
    Item& item = items[random.next_u64() % items.size()];
    const u64 what = random.next_u64() % 4;
    if (what == 0) {
      heap.remove(item);
    } else {
      heap.set(item, what == 1 ? kNoDeadline : static_cast<TimeNs>(random.next_u64() % 1'000));
    }
    TimeNs earliest = kNoDeadline;
    for (const Item& each : items) earliest = std::min(earliest, each.deadline);
    ASSERT_EQ(heap.next(), earliest);
    if (!heap.empty()) {
      ASSERT_EQ(heap.top().deadline, earliest);
    }
  }
}

}  // namespace
}  // namespace drumline::transport
