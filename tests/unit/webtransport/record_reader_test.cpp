#include "transport/webtransport/record_reader.hpp"

#include <gtest/gtest.h>

#include "http3_bytes.hpp"

namespace drumline::transport {
namespace {

using test::octets;
using test::Octets;
using test::operator+;

// RFC 9000, appendix A.1.
TEST(Varint, TheExamplesOfTheRfcAreReadAndWritten) {
  struct Example {
    Octets bytes;
    u64 value;
  };
  for (const Example& example :
       {Example{octets({0xC2, 0x19, 0x7C, 0x5E, 0xFF, 0x14, 0xE8, 0x8C}), 151288809941952652},
        Example{octets({0x9D, 0x7F, 0x3E, 0x7D}), 494878333}, Example{octets({0x7B, 0xBD}), 15293},
        Example{octets({0x25}), 37}}) {
    Bytes bytes(example.bytes);
    EXPECT_EQ(take_varint(bytes), example.value);
    EXPECT_TRUE(bytes.empty());
    Octets written;
    append_varint(written, example.value);
    EXPECT_EQ(written, example.bytes);
    VarintReader reader;
    for (std::size_t i = 0; i < example.bytes.size(); ++i) {
      Bytes one = Bytes(example.bytes).subspan(i, 1);
      const auto value = reader.feed(one);
      EXPECT_EQ(value.has_value(), i + 1 == example.bytes.size());
      if (value) {
        EXPECT_EQ(*value, example.value);
      }
    }
    EXPECT_TRUE(reader.is_empty());
  }
}

TEST(Varint, WhatIsCutOffIsNotTaken) {
  const Octets cut = octets({0x9D, 0x7F, 0x3E});
  Bytes bytes(cut);
  EXPECT_FALSE(take_varint(bytes));
  EXPECT_EQ(bytes.size(), 3U);
}

TEST(Http3RecordReader, RecordsAreTheSameHoweverTheBytesAreCut) {
  const Octets stream = test::record(0x00, octets("first")) + test::record(0x2843, {}) +
                        test::record(0x77777, octets(std::string(300, 'x')));
  for (std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{7}, stream.size()}) {
    Http3RecordReader reader;
    struct Seen {
      u64 type;
      std::string value;
      int begins = 0;
      int ends = 0;
    };
    std::vector<Seen> seen;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      Bytes bytes = Bytes(stream).subspan(at, std::min(step, stream.size() - at));
      while (const auto piece = reader.next(bytes)) {
        if (piece->begins) seen.push_back({piece->type, ""});
        ASSERT_FALSE(seen.empty());
        seen.back().begins += piece->begins;
        seen.back().ends += piece->ends;
        seen.back().value += as_text(piece->value);
      }
      EXPECT_TRUE(bytes.empty());
    }
    ASSERT_EQ(seen.size(), 3U) << "in steps of " << step;
    EXPECT_EQ(seen[0].value, "first");
    EXPECT_EQ(seen[1].type, 0x2843U);
    EXPECT_EQ(seen[2].value.size(), 300U);
    for (const Seen& one : seen) EXPECT_TRUE(one.begins == 1 && one.ends == 1);
    EXPECT_TRUE(reader.is_between());
  }
}

}  // namespace
}  // namespace drumline::transport
