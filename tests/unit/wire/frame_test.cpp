#include "wire/frame.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plain_random.hpp"

namespace drumline::wire {
namespace {

using ::testing::ElementsAre;
using Buffer = std::vector<std::byte>;

Buffer frame_of(std::string_view text) {
  Buffer out;
  encode_frame(as_bytes(text), out);
  return out;
}

void append(Buffer& to, const Buffer& from) {
  to.insert(to.end(), from.begin(), from.end());
}

struct Collected {
  std::vector<std::string> frames;
  bool operator()(Bytes payload) {
    frames.emplace_back(as_text(payload));
    return true;
  }
};

TEST(frame, header_is_magic_size_and_crc_in_network_order) {
  const Buffer frame = frame_of("123456789");
  ASSERT_EQ(frame.size(), 17U);
  const std::array<u8, 8> header = {0xF1, 0xF2, 0, 0, 0, 9, 0xBB, 0x3D};
  EXPECT_EQ(std::memcmp(frame.data(), header.data(), header.size()), 0);
}

TEST(frame, a_writer_without_room_fails_and_is_not_overrun) {
  std::array<std::byte, 12> memory{};
  ByteWriter out(MutableBytes(memory).first(10));
  encode_frame(as_bytes("abc"), out);
  EXPECT_FALSE(out.ok());
  EXPECT_EQ(memory[10], std::byte{0});
}

TEST(frame, an_empty_payload_is_a_frame) {
  const Buffer frame = frame_of("");
  const ParsedFrame parsed = parse_frame(frame, 10);
  EXPECT_EQ(parsed.status, FrameStatus::ok);
  EXPECT_EQ(parsed.size, 8U);
}

TEST(frame, every_truncation_is_incomplete) {
  const Buffer frame = frame_of("hello");
  for (std::size_t n = 0; n < frame.size(); ++n) {
    EXPECT_EQ(parse_frame(Bytes(frame).first(n), 100).status, FrameStatus::incomplete) << n;
  }
}

TEST(frame, every_flipped_bit_is_found) {
  const Buffer frame = frame_of("some payload of a frame");
  for (std::size_t bit = 0; bit < frame.size() * 8; ++bit) {
    Buffer broken = frame;
    broken[bit / 8] ^= std::byte{static_cast<u8>(1U << (bit % 8))};
    EXPECT_NE(parse_frame(broken, 4096).status, FrameStatus::ok) << bit;
  }
}

TEST(frame, a_datagram_of_several_frames_gives_each) {
  Buffer datagram = frame_of("one");
  append(datagram, frame_of("two"));
  append(datagram, frame_of("three"));
  Collected got;
  EXPECT_EQ(for_each_frame(datagram, 100, 3, [&](Bytes b) { got(b); }), FrameStatus::ok);
  EXPECT_THAT(got.frames, ElementsAre("one", "two", "three"));
}

TEST(frame, a_datagram_ends_at_its_first_fault) {
  Buffer datagram = frame_of("one");
  append(datagram, frame_of("two"));
  datagram.back() ^= std::byte{1};
  Collected got;
  EXPECT_EQ(for_each_frame(datagram, 100, 8, [&](Bytes b) { got(b); }), FrameStatus::bad_crc);
  EXPECT_THAT(got.frames, ElementsAre("one"));
}

TEST(frame, a_datagram_of_too_many_frames_is_cut) {
  Buffer datagram;
  for (int i = 0; i < 5; ++i) append(datagram, frame_of("x"));
  Collected got;
  EXPECT_EQ(for_each_frame(datagram, 100, 4, [&](Bytes b) { got(b); }), FrameStatus::too_large);
  EXPECT_EQ(got.frames.size(), 4U);
}

TEST(frame_reader, frames_survive_every_way_of_cutting_the_stream) {
  Buffer stream = frame_of("alpha");
  append(stream, frame_of(""));
  append(stream, frame_of("gamma gamma"));
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    FrameReader reader({});
    Collected got;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      const Bytes piece = Bytes(stream).subspan(at, std::min(step, stream.size() - at));
      ASSERT_TRUE(reader.feed(piece, std::ref(got)));
    }
    EXPECT_THAT(got.frames, ElementsAre("alpha", "", "gamma gamma")) << "step " << step;
    EXPECT_EQ(reader.buffered_bytes(), 0U);
    EXPECT_EQ(reader.errors(), 0U);
  }
}

TEST(frame_reader, an_oversized_frame_fails_the_stream_at_its_header) {
  FrameReader reader({.max_payload = 100, .max_errors = 4});
  Collected got;
  const Buffer big = frame_of(std::string(101, 'x'));
  EXPECT_TRUE(reader.feed(Bytes(big).first(7), std::ref(got)));
  EXPECT_FALSE(reader.feed(Bytes(big).subspan(7, 1), std::ref(got)));
  EXPECT_EQ(reader.failure(), FrameStatus::too_large);
  EXPECT_FALSE(reader.feed(frame_of("fine"), std::ref(got)));
  EXPECT_TRUE(got.frames.empty());
}

TEST(frame_reader, a_corrupt_frame_is_skipped_and_the_next_one_found_however_cut) {
  Buffer stream = frame_of("first");
  Buffer corrupt = frame_of("second");
  corrupt.back() ^= std::byte{0x10};
  append(stream, corrupt);
  append(stream, frame_of("third"));
  append(stream, frame_of("fourth"));
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    FrameReader reader({});
    Collected got;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      ASSERT_TRUE(reader.feed(Bytes(stream).subspan(at, std::min(step, stream.size() - at)), std::ref(got)));
    }
    EXPECT_THAT(got.frames, ElementsAre("first", "third", "fourth")) << "step " << step;
    EXPECT_EQ(reader.errors(), 1U);
    EXPECT_EQ(reader.skipped_bytes(), corrupt.size());
  }
}

TEST(frame_reader, garbage_between_frames_is_one_error) {
  Buffer stream = frame_of("first");
  const std::string garbage("\xF1 not a frame \xF1\xF1 but noise \xF1\xF2\xFF\xFF\xFF\xFF", 33);
  for (const char c : garbage) stream.push_back(static_cast<std::byte>(c));
  append(stream, frame_of("second"));
  FrameReader reader({});
  Collected got;
  ASSERT_TRUE(reader.feed(stream, std::ref(got)));
  EXPECT_THAT(got.frames, ElementsAre("first", "second"));
  EXPECT_EQ(reader.errors(), 1U);
  EXPECT_EQ(reader.skipped_bytes(), garbage.size());
}

TEST(frame_reader, errors_up_to_the_limit_fail_the_stream) {
  FrameReader reader({.max_payload = 100, .max_errors = 2});
  Collected got;
  Buffer corrupt = frame_of("x");
  corrupt.back() ^= std::byte{1};
  EXPECT_TRUE(reader.feed(corrupt, std::ref(got)));
  EXPECT_FALSE(reader.feed(corrupt, std::ref(got)));
  EXPECT_EQ(reader.failure(), FrameStatus::bad_crc);
  EXPECT_EQ(reader.buffered_bytes(), 0U);
}

TEST(frame_reader, memory_stays_under_one_frame_for_any_stream) {
  test::PlainRandom random(7);
  FrameReader reader({.max_payload = 256, .max_errors = 0xFFFF'FFFFU});
  Buffer piece(97);
  for (int round = 0; round < 3'000; ++round) {
    for (std::byte& b : piece) {
      const u32 r = random.below(8);
      b = r == 0   ? std::byte{0xF1}
          : r == 1 ? std::byte{0xF2}
          : r < 5  ? std::byte{0}
                   : std::byte(random.below(256));
    }
    if (!reader.feed(piece, [](Bytes) { return true; })) {
      EXPECT_EQ(reader.failure(), FrameStatus::too_large);
      break;
    }
    ASSERT_LE(reader.buffered_bytes(), 256U + kFrameHeaderBytes);
  }
}

TEST(frame_reader, the_frame_handler_may_destroy_the_reader) {
  auto reader = std::make_unique<FrameReader>(FrameReaderLimits{});
  Buffer stream = frame_of("one");
  append(stream, frame_of("two"));
  ASSERT_TRUE(reader->feed(Bytes(stream).first(9), [](Bytes) { return true; }));
  std::string seen;
  EXPECT_FALSE(reader->feed(Bytes(stream).subspan(9), [&](Bytes payload) {
    reader.reset();
    seen = as_text(payload);
    return false;
  }));
  EXPECT_EQ(seen, "one");
}

}  // namespace
}  // namespace drumline::wire
