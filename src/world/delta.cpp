#include "world/delta.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "world/hash.hpp"
#include "world/msgpack.hpp"
#include "world/state_codec.hpp"

namespace drumline::world {
namespace {

constexpr std::string_view kFormat = "drumline.delta";
constexpr u32 kDeltaVersion = 1;

constexpr u32 kBlockRows = 64;  ///< rows of one word of a bitmap

std::size_t bitmap_words(u32 used) {
  return (std::size_t{used} + kBlockRows - 1) / kBlockRows;
}
std::size_t bitmap_bytes(u32 used) {
  return bitmap_words(used) * sizeof(u64);
}

u64 load_word(Bytes bitmap, std::size_t word) {
  u64 bits = 0;
  std::memcpy(&bits, bitmap.data() + word * sizeof bits, sizeof bits);
  return bits;
}

std::size_t count_bits(Bytes bitmap) {
  std::size_t count = 0;
  for (std::size_t word = 0; word * sizeof(u64) < bitmap.size(); ++word) {
    count += static_cast<std::size_t>(std::popcount(load_word(bitmap, word)));
  }
  return count;
}

// The lowest bit of each of eight bytes, gathered into eight bits. The products that
// the multiplication adds up never meet in one bit.
u64 gather_bits(const u8* flags) {
  u64 bytes = 0;
  std::memcpy(&bytes, flags, sizeof bytes);
  return (bytes * 0x0102'0408'1020'4080) >> 56;
}

// One bit for each of a block's rows that differ. Plain loops over whole blocks, so that
// the compiler makes vector code of them.
template <class T>
u64 differing_rows(const std::byte* base, const std::byte* now) {
  std::array<T, kBlockRows> a;
  std::array<T, kBlockRows> b;
  std::memcpy(a.data(), base, sizeof a);
  std::memcpy(b.data(), now, sizeof b);
  T any = 0;
  for (u32 i = 0; i < kBlockRows; ++i) any = static_cast<T>(any | (a[i] ^ b[i]));
  if (any == 0) return 0;
  std::array<u8, kBlockRows> flags;
  for (u32 i = 0; i < kBlockRows; ++i) flags[i] = a[i] != b[i] ? 1 : 0;
  u64 mask = 0;
  for (u32 i = 0; i < kBlockRows; i += 8) mask |= gather_bits(&flags[i]) << i;
  return mask;
}

// Which rows of a column differ, and their new values. Rows that the base does not have
// count as zeros. The memory is kept from column to column.
class RowDifference {
 public:
  void find(Bytes base, Bytes now, std::size_t size) {
    switch (size) {
      case 1:
        return find_rows<u8>(base, now);
      case 2:
        return find_rows<u16>(base, now);
      case 4:
        return find_rows<u32>(base, now);
      default:
        return find_rows<u64>(base, now);
    }
  }

  void write(MsgpackWriter& out) const {
    if (value_bytes_ == 0) {
      out.nil();
      return;
    }
    out.array(2);
    out.binary(std::as_bytes(std::span(rows_).first(words_)));
    out.binary(Bytes(values_).first(value_bytes_));
  }

 private:
  template <class T>
  void find_rows(Bytes base, Bytes now) {
    const u32 used = static_cast<u32>(now.size() / sizeof(T));
    words_ = bitmap_words(used);
    value_bytes_ = 0;
    if (rows_.size() < words_) rows_.resize(words_);
    // take() writes up to one block past the last value that counts.
    const std::size_t room = (words_ + 1) * kBlockRows * sizeof(T);
    if (values_.size() < room) values_.resize(room);
    constexpr std::size_t block_bytes = kBlockRows * sizeof(T);
    for (std::size_t word = 0; word < words_; ++word) {
      const std::size_t offset = word * block_bytes;
      if (offset + block_bytes <= base.size() && offset + block_bytes <= now.size()) {
        take<T>(word, base.data() + offset, now.data() + offset);
      } else {
        std::array<std::byte, block_bytes> old{};
        std::array<std::byte, block_bytes> block{};
        copy_what_is_there(base, offset, old);
        copy_what_is_there(now, offset, block);
        // Rows of the base from `used` on do not count.
        const std::size_t bytes = std::min(now.size() - offset, block_bytes);
        std::memset(old.data() + bytes, 0, block_bytes - bytes);
        take<T>(word, old.data(), block.data());
      }
    }
  }

  static void copy_what_is_there(Bytes from, std::size_t offset, MutableBytes to) {
    if (offset >= from.size()) return;
    std::memcpy(to.data(), from.data() + offset, std::min(from.size() - offset, to.size()));
  }

  template <class T>
  void take(std::size_t word, const std::byte* base, const std::byte* now) {
    const u64 mask = differing_rows<T>(base, now);
    rows_[word] = mask;
    if (mask == 0) return;
    std::byte* out = values_.data() + value_bytes_;
    const auto count = static_cast<std::size_t>(std::popcount(mask));
    constexpr std::size_t sparse = kBlockRows / 4;
    if (count == kBlockRows) {
      std::memcpy(out, now, kBlockRows * sizeof(T));
    } else if (count < sparse) {
      for (u64 bits = mask; bits != 0; bits &= bits - 1, out += sizeof(T)) {
        std::memcpy(out, now + static_cast<std::size_t>(std::countr_zero(bits)) * sizeof(T), sizeof(T));
      }
    } else {
      // Every row is written, and the next one over it when it does not count: no branch to miss.
      for (u32 i = 0; i < kBlockRows; ++i) {
        std::memcpy(out, now + i * sizeof(T), sizeof(T));
        out += ((mask >> i) & 1) * sizeof(T);
      }
    }
    value_bytes_ += count * sizeof(T);
  }

  std::vector<u64> rows_;  ///< the first words_ of them count
  std::vector<std::byte> values_;
  std::size_t words_ = 0;
  std::size_t value_bytes_ = 0;
};

// One column's difference as it stands in the bytes; both empty when no row differs.
struct Change {
  Bytes rows;
  Bytes values;
};

bool read_change(codec::Fields& in, u32 used, std::size_t size, Change& change) {
  if (in.in().take_nil()) return true;
  if (const u32 parts = in.in().array(); in.ok() && parts != 2) in.refuse("a change must be [rows, values]");
  change.rows = in.in().binary();
  change.values = in.in().binary();
  if (in.failed()) return false;
  const Bytes rows = change.rows;
  if (rows.size() != bitmap_bytes(used)) {
    in.refuse("the bitmap of rows has " + std::to_string(rows.size()) + " bytes instead of " +
              std::to_string(bitmap_bytes(used)));
    return false;
  }
  if (used % kBlockRows != 0) {
    const u64 beyond = load_word(rows, bitmap_words(used) - 1) >> (used % kBlockRows);
    if (beyond != 0) {
      in.refuse("row " + std::to_string(used + static_cast<u32>(std::countr_zero(beyond))) +
                " is changed, but only " + std::to_string(used) + " are used");
      return false;
    }
  }
  if (change.values.size() != count_bits(rows) * size) {
    in.refuse("there are " + std::to_string(change.values.size()) + " bytes of values for " +
              std::to_string(count_bits(rows)) + " rows of " + std::to_string(size));
    return false;
  }
  return true;
}

template <class T>
void put_rows(const Change& change, MutableBytes out) {
  const std::byte* value = change.values.data();
  for (std::size_t word = 0; word * sizeof(u64) < change.rows.size(); ++word) {
    std::byte* block = out.data() + word * kBlockRows * sizeof(T);
    const u64 mask = load_word(change.rows, word);
    if (mask == ~u64{0}) {
      std::memcpy(block, value, kBlockRows * sizeof(T));
      value += kBlockRows * sizeof(T);
      continue;
    }
    for (u64 bits = mask; bits != 0; bits &= bits - 1, value += sizeof(T)) {
      std::memcpy(block + static_cast<std::size_t>(std::countr_zero(bits)) * sizeof(T), value, sizeof(T));
    }
  }
}

// The base's rows with the change applied; `out` has `used` rows of `size`.
void apply_change(const Change& change, Bytes base, std::size_t size, MutableBytes out) {
  const std::size_t kept = std::min(base.size(), out.size());
  if (kept != 0) std::memcpy(out.data(), base.data(), kept);
  if (kept != out.size()) std::memset(out.data() + kept, 0, out.size() - kept);
  if (change.values.empty()) return;
  switch (size) {
    case 1:
      return put_rows<u8>(change, out);
    case 2:
      return put_rows<u16>(change, out);
    case 4:
      return put_rows<u32>(change, out);
    default:
      return put_rows<u64>(change, out);
  }
}

struct Decoded {
  codec::Rows rows;
  Change generations;
  std::vector<Change> columns;
};

// Checks one table's part; its rows are views into the bytes and not yet put together.
bool read_table(codec::Fields& in, const TableBase& base, Decoded& out) {
  if (!in.map(5, "a table") || !in.key("name")) return false;
  const std::string_view name = codec::read_name(in);
  in.at("table " + base.name());
  if (in.ok() && name != base.name()) in.refuse("it is '" + std::string(name) + "'");
  if (!in.key("used")) return false;
  const u64 used = in.in().unsigned_integer();
  if (in.ok() && used > base.capacity()) {
    in.refuse("used " + std::to_string(used) + " is above the capacity, " + std::to_string(base.capacity()));
  }
  if (in.failed() || !in.key("live")) return false;
  out.rows.used = static_cast<u32>(used);
  const Bytes live = in.in().binary();
  if (in.ok() && live.size() != bitmap_bytes(out.rows.used)) {
    in.refuse("live has " + std::to_string(live.size()) + " bytes instead of " +
              std::to_string(bitmap_bytes(out.rows.used)));
  }
  if (in.failed()) return false;
  out.rows.live.resize(live.size() / sizeof(u64));
  if (!live.empty()) std::memcpy(out.rows.live.data(), live.data(), live.size());
  if (!in.key("generations") || !read_change(in, out.rows.used, sizeof(u32), out.generations)) return false;
  if (!in.key("columns")) return false;
  const u32 columns = in.in().array();
  if (in.ok() && columns != base.column_count()) {
    in.refuse(std::to_string(columns) + " columns instead of " + std::to_string(base.column_count()));
  }
  if (in.failed()) return false;
  out.columns.resize(columns);
  for (u32 i = 0; i < columns; ++i) {
    const FieldDescription& field = base.fields()[i];
    if (read_change(in, out.rows.used, field_size(field.type), out.columns[i])) continue;
    in.at("table " + base.name() + ", column " + std::string(field.name));
    return false;
  }
  return in.ok();
}

std::size_t row_bytes(const TableBase& table) {
  std::size_t size = 0;
  for (const FieldDescription& field : table.fields()) size += field_size(field.type);
  return size;
}

// Puts the later state's rows together, in `memory`, which the rows are views into.
void build_rows(const World& base, std::vector<Decoded>& tables, std::unique_ptr<std::byte[]>& memory) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < tables.size(); ++i) size += tables[i].rows.used * row_bytes(base.table(i));
  memory = std::make_unique_for_overwrite<std::byte[]>(size);
  std::byte* next = memory.get();
  for (std::size_t i = 0; i < tables.size(); ++i) {
    const TableBase& table = base.table(i);
    Decoded& to = tables[i];
    to.rows.generations.resize(to.rows.used);
    apply_change(to.generations, std::as_bytes(table.generations()), sizeof(u32),
                 std::as_writable_bytes(std::span(to.rows.generations)));
    for (std::size_t c = 0; c < to.columns.size(); ++c) {
      const std::size_t width = field_size(table.fields()[c].type);
      const MutableBytes column(next, to.rows.used * width);
      apply_change(to.columns[c], table.column_bytes(c), width, column);
      to.rows.columns.emplace_back(column);
      next += column.size();
    }
  }
}

}  // namespace

Result<void> encode_delta(const StateView& base, const World& world, std::vector<std::byte>& out) {
  if (Result<void> shape = codec::check_shape("delta: base", base, world); !shape) return shape;
  out.clear();
  MsgpackWriter write(out);
  write.map(9);
  write.text("format");
  write.text(kFormat);
  write.text("version");
  write.unsigned_integer(kDeltaVersion);
  write.text("game");
  write.text(base.game);
  write.text("base_tick");
  write.unsigned_integer(base.tick);
  write.text("base_hash");
  write.unsigned_integer(base.hash);
  write.text("tick");
  write.unsigned_integer(world.tick());
  write.text("rng");
  codec::write_rng(write, world.rng());
  write.text("hash");
  write.unsigned_integer(hash_world(world).combined);
  write.text("tables");
  write.array(static_cast<u32>(world.table_count()));
  RowDifference difference;
  for (std::size_t i = 0; i < world.table_count(); ++i) {
    const TableBase& table = world.table(i);
    const StateView::Table& old = base.tables[i];
    write.map(5);
    write.text("name");
    write.text(table.name());
    write.text("used");
    write.unsigned_integer(table.used());
    write.text("live");
    write.binary(std::as_bytes(table.live_bits()));
    write.text("generations");
    difference.find(old.generations, std::as_bytes(table.generations()), sizeof(u32));
    difference.write(write);
    write.text("columns");
    write.array(static_cast<u32>(table.column_count()));
    for (std::size_t c = 0; c < table.column_count(); ++c) {
      difference.find(old.columns[c].rows, table.column_bytes(c), field_size(table.fields()[c].type));
      difference.write(write);
    }
  }
  return {};
}

Result<void> apply_delta(Bytes bytes, std::string_view game, World& world) {
  if (bytes.size() > kMaxSnapshotBytes) {
    return Error{ErrorCode::exhausted, "delta: " + std::to_string(bytes.size()) + " bytes; at most " +
                                           std::to_string(kMaxSnapshotBytes) + " are read"};
  }
  codec::Fields in(bytes, "delta");
  if (!in.map(9, "the delta") || !in.key("format")) return in.error();
  if (const auto format = codec::read_name(in); in.ok() && format != kFormat) {
    in.refuse("this is '" + std::string(format) + "', not '" + std::string(kFormat) + "'");
  }
  if (!in.key("version")) return in.error();
  if (const u64 version = in.in().unsigned_integer(); in.ok() && version != kDeltaVersion) {
    return Error{ErrorCode::mismatch, "delta: version " + std::to_string(version) + "; this build reads " +
                                          std::to_string(kDeltaVersion)};
  }
  if (!in.key("game")) return in.error();
  if (const auto found = codec::read_name(in); in.ok() && found != game) {
    return Error{ErrorCode::mismatch,
                 "delta: it is of the game '" + std::string(found) + "', not '" + std::string(game) + "'"};
  }
  if (!in.key("base_tick")) return in.error();
  const Tick base_tick = in.in().unsigned_integer();
  if (!in.key("base_hash")) return in.error();
  const u64 base_hash = in.in().unsigned_integer();
  if (!in.key("tick")) return in.error();
  const Tick tick = in.in().unsigned_integer();
  Rng::State rng{};
  if (!in.key("rng") || !codec::read_rng(in, rng)) return in.error();
  if (!in.key("hash")) return in.error();
  const u64 hash = in.in().unsigned_integer();
  if (!in.key("tables")) return in.error();
  const u32 tables = in.in().array();
  if (in.failed()) return in.error();
  if (base_tick != world.tick() || base_hash != hash_world(world).combined) {
    return Error{ErrorCode::mismatch, "delta: it starts from tick " + std::to_string(base_tick) +
                                          " with hash " + std::to_string(base_hash) +
                                          ", but the world is at tick " + std::to_string(world.tick()) +
                                          " with hash " + std::to_string(hash_world(world).combined)};
  }
  if (tables != world.table_count()) {
    in.refuse(std::to_string(tables) + " tables instead of " + std::to_string(world.table_count()));
    return in.error();
  }
  std::vector<Decoded> decoded(tables);
  for (u32 i = 0; i < tables; ++i) {
    in.at("table " + std::to_string(i));
    if (!read_table(in, world.table(i), decoded[i])) return in.error();
  }
  in.at("");
  if (!in.in().at_end()) {
    in.refuse("bytes follow the end, from offset " + std::to_string(in.in().position()) + " on");
    return in.error();
  }
  std::unique_ptr<std::byte[]> memory;
  build_rows(world, decoded, memory);
  std::vector<codec::Rows> rows;
  rows.reserve(tables);
  for (Decoded& table : decoded) rows.push_back(std::move(table.rows));
  return codec::install("delta", rows, tick, rng, hash, world);
}

}  // namespace drumline::world
