#include "world/msgpack.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace drumline::world {
namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST(msgpack, another_reader_understands_what_is_written) {
  std::vector<std::byte> out;
  MsgpackWriter write(out);
  const std::vector<u64> numbers = {0, 127, 128, 255, 256, 65535, 65536, 0xFFFF'FFFF, 0x1'0000'0000, ~u64{0}};
  const std::vector<std::size_t> sizes = {0, 31, 32, 255, 256, 65535, 65536};
  write.map(3);
  write.text("numbers");
  write.array(static_cast<u32>(numbers.size()));
  for (const u64 number : numbers) write.unsigned_integer(number);
  write.text("texts");
  write.array(static_cast<u32>(sizes.size()));
  for (const std::size_t size : sizes) write.text(std::string(size, 'x'));
  write.text("binaries");
  write.array(static_cast<u32>(sizes.size()) + 10);
  for (const std::size_t size : sizes) write.binary(std::vector<std::byte>(size, std::byte{7}));
  for (int i = 0; i < 10; ++i) write.nil();

  const auto* data = reinterpret_cast<const u8*>(out.data());
  const nlohmann::json read = nlohmann::json::from_msgpack(data, data + out.size());
  EXPECT_EQ(read["numbers"].get<std::vector<u64>>(), numbers);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    EXPECT_EQ(read["texts"][i].get<std::string>().size(), sizes[i]);
    EXPECT_EQ(read["binaries"][i].get_binary().size(), sizes[i]);
  }
  EXPECT_EQ(read["binaries"].size(), 17u);
  EXPECT_TRUE(read["binaries"][16].is_null());

  MsgpackReader own(out);
  EXPECT_EQ(own.map(), 3u);
  EXPECT_EQ(own.text(), "numbers");
  EXPECT_EQ(own.array(), numbers.size());
  for (const u64 number : numbers) EXPECT_EQ(own.unsigned_integer(), number);
  EXPECT_EQ(own.text(), "texts");
  EXPECT_EQ(own.array(), sizes.size());
  for (const std::size_t size : sizes) EXPECT_EQ(own.text().size(), size);
  EXPECT_EQ(own.text(), "binaries");
  EXPECT_EQ(own.array(), 17u);
  for (const std::size_t size : sizes) EXPECT_EQ(own.binary().size(), size);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(own.take_nil());
  EXPECT_TRUE(own.ok());
  EXPECT_TRUE(own.at_end());
}

TEST(msgpack, lengths_beyond_the_bytes_fail_without_reading) {
  for (const auto& bytes :
       {bytes_of({0xC6, 0xFF, 0xFF, 0xFF, 0xFF}), bytes_of({0xC4}), bytes_of({0xC5, 0x00}), bytes_of({})}) {
    MsgpackReader read(bytes);
    EXPECT_TRUE(read.binary().empty());
    EXPECT_FALSE(read.ok());
    EXPECT_EQ(read.unsigned_integer(), 0u) << "failed stays failed";
  }
}

TEST(msgpack, a_value_of_another_type_fails) {
  const auto text = bytes_of({0xA1, 'x'});
  EXPECT_EQ(
      [&] {
        MsgpackReader read(text);
        read.map();
        return read.ok();
      }(),
      false);
  EXPECT_EQ(
      [&] {
        MsgpackReader read(text);
        read.array();
        return read.ok();
      }(),
      false);
  EXPECT_EQ(
      [&] {
        MsgpackReader read(text);
        read.unsigned_integer();
        return read.ok();
      }(),
      false);
  EXPECT_EQ(
      [&] {
        MsgpackReader read(text);
        read.binary();
        return read.ok();
      }(),
      false);
  const auto negative = bytes_of({0xFF});
  EXPECT_EQ(
      [&] {
        MsgpackReader read(negative);
        read.unsigned_integer();
        return read.ok();
      }(),
      false);
}

}  // namespace
}  // namespace drumline::world
