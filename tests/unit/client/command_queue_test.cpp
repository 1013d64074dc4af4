#include "client/command_queue.hpp"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/frame.hpp"

namespace drumline::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Sent {
  std::vector<u32> sequences;
  std::vector<u32> acks;
};

Sent write(CommandQueue& queue, TimeNs now, std::span<const u32> acks = {}) {
  std::array<std::byte, CommandQueue::kMaxDatagramBytes> memory;
  const std::size_t size = queue.write(memory, acks, now);
  Sent sent;
  const auto status =
      wire::for_each_frame(Bytes(memory).first(size), wire::kMaxCommandPayloadBytes,
                           wire::kMaxCommandsPerDatagram, [&](Bytes payload) {
                             world::Command command;
                             wire::CommandAcks got;
                             EXPECT_EQ(wire::decode_command(payload, command, got), wire::DecodeStatus::ok);
                             sent.sequences.push_back(command.sequence);
                             sent.acks.insert(sent.acks.end(), got.view().begin(), got.view().end());
                           });
  EXPECT_EQ(status, wire::FrameStatus::ok);
  return sent;
}

world::Command move() {
  world::Command command;
  command.action = world::Action::move;
  return command;
}

TEST(command_queue, sequences_rise_from_one) {
  CommandQueue queue;
  EXPECT_EQ(queue.push(move(), 0), 1U);
  EXPECT_EQ(queue.push(move(), 0), 2U);
  EXPECT_THAT(write(queue, 0).sequences, ElementsAre(1, 2));
}

TEST(command_queue, the_last_unconfirmed_commands_are_repeated_in_order) {
  CommandQueue queue;
  for (int i = 0; i < 2; ++i) queue.push(move(), 0);
  EXPECT_THAT(write(queue, 0).sequences, ElementsAre(1, 2));
  queue.push(move(), 0);
  EXPECT_THAT(write(queue, 0).sequences, ElementsAre(1, 2, 3));
  queue.confirm(2);
  queue.push(move(), 0);
  EXPECT_THAT(write(queue, 0).sequences, ElementsAre(3, 4));
}

TEST(command_queue, a_command_is_given_up_after_its_repeats) {
  CommandQueue queue;
  queue.push(move(), 0);
  TimeNs now = 0;
  for (u32 i = 0; i < CommandQueue::kSends; ++i) {
    EXPECT_THAT(write(queue, now).sequences, ElementsAre(1));
    now += CommandQueue::repeat_ns(1);
  }
  EXPECT_EQ(queue.deadline(), CommandQueue::kNever);
  EXPECT_THAT(write(queue, now).sequences, IsEmpty());
}

TEST(command_queue, a_repeat_is_due_only_after_a_while) {
  CommandQueue queue;
  queue.push(move(), 100);
  EXPECT_EQ(queue.deadline(), 100);
  write(queue, 100);
  EXPECT_EQ(queue.deadline(), 100 + CommandQueue::repeat_ns(1));
  queue.confirm(1);
  EXPECT_EQ(queue.deadline(), CommandQueue::kNever);
}

TEST(command_queue, a_repeat_waits_for_the_frame_that_should_have_confirmed_it) {
  const auto repeated_after = [](u32 send_period_ticks) {
    CommandQueue queue;
    queue.set_send_period(send_period_ticks);
    queue.push(move(), 0);
    write(queue, 0);
    return queue.deadline() / kTickNs;
  };
  EXPECT_EQ(repeated_after(1), 3);
  EXPECT_EQ(repeated_after(3), 5);
  // Frames once a second come too late for that.
  EXPECT_EQ(repeated_after(62), CommandQueue::kLatestRepeatTicks);
}

TEST(command_queue, a_command_for_a_tick_is_repeated_after_one_tick_and_then_less_and_less) {
  CommandQueue queue;
  world::Command timed = move();
  timed.apply_tick = 1000;
  queue.push(timed, 0);
  std::vector<TimeNs> sent_at;
  while (queue.deadline() != CommandQueue::kNever) {
    const TimeNs now = queue.deadline();
    EXPECT_THAT(write(queue, now).sequences, ElementsAre(1));
    sent_at.push_back(now / kTickNs);
  }
  EXPECT_THAT(sent_at, ElementsAre(0, 1, 3, 7));
  EXPECT_EQ(queue.unconfirmed(), 0U);
}

TEST(command_queue, a_refused_command_is_not_repeated) {
  CommandQueue queue;
  for (int i = 0; i < 3; ++i) queue.push(move(), 0);
  write(queue, 0);
  queue.refuse(2);
  EXPECT_THAT(write(queue, 0).sequences, ElementsAre(1, 3));
}

TEST(command_queue, acknowledgements_travel_once_with_the_newest_command_or_alone) {
  CommandQueue queue;
  const std::vector<u32> acks = {1U << 8 | 5, 2U << 8 | 6};
  Sent alone = write(queue, 0, acks);
  EXPECT_THAT(alone.sequences, ElementsAre(0));
  EXPECT_EQ(alone.acks, acks);
  queue.push(move(), 0);
  queue.push(move(), 0);
  Sent together = write(queue, 0, acks);
  EXPECT_THAT(together.sequences, ElementsAre(1, 2));
  EXPECT_EQ(together.acks, acks);
}

TEST(command_queue, more_commands_than_are_kept_lose_the_oldest) {
  CommandQueue queue;
  for (std::size_t i = 0; i < CommandQueue::kMaxKept + 5; ++i) queue.push(move(), 0);
  EXPECT_EQ(queue.unconfirmed(), CommandQueue::kMaxKept);
  EXPECT_THAT(write(queue, 0).sequences, ElementsAre(19, 20, 21));
  EXPECT_EQ(queue.unconfirmed(), 3U);
}

}  // namespace
}  // namespace drumline::client
