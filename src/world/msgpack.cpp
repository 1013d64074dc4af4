#include "world/msgpack.hpp"

namespace drumline::world {

void MsgpackWriter::big_endian(u64 value, int size) {
  for (int shift = (size - 1) * 8; shift >= 0; shift -= 8) byte(static_cast<u8>(value >> shift));
}

void MsgpackWriter::unsigned_integer(u64 value) {
  if (value < 0x80) {
    byte(static_cast<u8>(value));
  } else if (value <= 0xFF) {
    byte(0xCC);
    big_endian(value, 1);
  } else if (value <= 0xFFFF) {
    byte(0xCD);
    big_endian(value, 2);
  } else if (value <= 0xFFFF'FFFF) {
    byte(0xCE);
    big_endian(value, 4);
  } else {
    byte(0xCF);
    big_endian(value, 8);
  }
}

void MsgpackWriter::text(std::string_view text) {
  if (text.size() < 32) {
    byte(static_cast<u8>(0xA0 | text.size()));
  } else if (text.size() <= 0xFF) {
    byte(0xD9);
    big_endian(text.size(), 1);
  } else {
    byte(0xDB);
    big_endian(text.size(), 4);
  }
  append(as_bytes(text));
}

void MsgpackWriter::binary(Bytes bytes) {
  if (bytes.size() <= 0xFF) {
    byte(0xC4);
    big_endian(bytes.size(), 1);
  } else if (bytes.size() <= 0xFFFF) {
    byte(0xC5);
    big_endian(bytes.size(), 2);
  } else {
    byte(0xC6);
    big_endian(bytes.size(), 4);
  }
  append(bytes);
}

void MsgpackWriter::array(u32 count) {
  if (count < 16) {
    byte(static_cast<u8>(0x90 | count));
  } else {
    byte(0xDD);
    big_endian(count, 4);
  }
}

void MsgpackWriter::map(u32 count) {
  if (count < 16) {
    byte(static_cast<u8>(0x80 | count));
  } else {
    byte(0xDF);
    big_endian(count, 4);
  }
}

u8 MsgpackReader::byte() {
  const Bytes taken = take(1);
  return taken.empty() ? u8{0} : static_cast<u8>(taken[0]);
}

u64 MsgpackReader::big_endian(int size) {
  u64 value = 0;
  for (int i = 0; i < size; ++i) value = (value << 8) | byte();
  return value;
}

Bytes MsgpackReader::take(u64 size) {
  if (failed_ || size > bytes_.size() - position_) {
    fail();
    return {};
  }
  const Bytes taken = bytes_.subspan(position_, static_cast<std::size_t>(size));
  position_ += static_cast<std::size_t>(size);
  return taken;
}

bool MsgpackReader::take_nil() {
  if (failed_ || at_end() || bytes_[position_] != std::byte{0xC0}) return false;
  ++position_;
  return true;
}

u64 MsgpackReader::unsigned_integer() {
  const u8 tag = byte();
  if (failed_) return 0;
  if (tag < 0x80) return tag;
  if (tag < 0xCC || tag > 0xCF) {
    fail();
    return 0;
  }
  const u64 value = big_endian(1 << (tag - 0xCC));
  return failed_ ? 0 : value;
}

std::string_view MsgpackReader::text() {
  const u8 tag = byte();
  if ((tag & 0xE0) == 0xA0) return as_text(take(tag & 0x1F));
  if (tag >= 0xD9 && tag <= 0xDB) return as_text(take(big_endian(1 << (tag - 0xD9))));
  fail();
  return {};
}

Bytes MsgpackReader::binary() {
  const u8 tag = byte();
  if (tag >= 0xC4 && tag <= 0xC6) return take(big_endian(1 << (tag - 0xC4)));
  fail();
  return {};
}

u32 MsgpackReader::array() {
  const u8 tag = byte();
  if ((tag & 0xF0) == 0x90) return tag & 0x0F;
  if (tag == 0xDC || tag == 0xDD) return static_cast<u32>(big_endian(tag == 0xDC ? 2 : 4));
  fail();
  return 0;
}

u32 MsgpackReader::map() {
  const u8 tag = byte();
  if ((tag & 0xF0) == 0x80) return tag & 0x0F;
  if (tag == 0xDE || tag == 0xDF) return static_cast<u32>(big_endian(tag == 0xDE ? 2 : 4));
  fail();
  return 0;
}

}  // namespace drumline::world
