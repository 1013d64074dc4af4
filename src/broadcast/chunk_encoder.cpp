#include "broadcast/chunk_encoder.hpp"

#include <algorithm>
#include <cstring>

#include "broadcast/bits.hpp"

namespace drumline::broadcast {
namespace {

constexpr u32 kStride = kMaxStreamEntities;

template <class T>
void quantise_as(const std::byte* column, const Member* members, u32 count, u32 bits, u32 shift, u32* out) {
  const u32 mask = low_mask(bits);
  for (u32 i = 0; i < count; ++i) {
    T raw;
    std::memcpy(&raw, column + std::size_t{member_slot(members[i])} * sizeof(T), sizeof(T));
    if constexpr (std::is_signed_v<T>) {
      const i64 highest = static_cast<i64>(mask >> 1);
      const i64 value = std::clamp<i64>(i64{raw} >> shift, -highest - 1, highest);
      out[i] = static_cast<u32>(value) & mask;
    } else {
      out[i] = static_cast<u32>(std::min<u64>(u64{raw} >> shift, mask));
    }
  }
}

void quantise(const world::TableBase& table, const SentField& field, const Member* members, u32 count,
              u32* out) {
  const std::byte* column = table.column_bytes(field.column).data();
  const u32 bits = field.bits;
  const u32 shift = field.shift;
  switch (field.type) {
    case world::FieldType::i8:
      return quantise_as<i8>(column, members, count, bits, shift, out);
    case world::FieldType::u8:
      return quantise_as<u8>(column, members, count, bits, shift, out);
    case world::FieldType::i16:
      return quantise_as<i16>(column, members, count, bits, shift, out);
    case world::FieldType::u16:
      return quantise_as<u16>(column, members, count, bits, shift, out);
    case world::FieldType::i32:
      return quantise_as<i32>(column, members, count, bits, shift, out);
    case world::FieldType::u32:
      return quantise_as<u32>(column, members, count, bits, shift, out);
    case world::FieldType::u64:
      return quantise_as<u64>(column, members, count, bits, shift, out);
    case world::FieldType::i64:
    case world::FieldType::fixed:
      return quantise_as<i64>(column, members, count, bits, shift, out);
  }
}

}  // namespace

ChunkEncoder::ChunkEncoder(const Schema& schema) : schema_(schema) {
  std::size_t bits_most = 0;
  delta_overhead_ = 1;
  for (const SentTable& table : schema) {
    max_fields_ = std::max(max_fields_, table.fields.size());
    std::size_t bits = 0;
    for (const SentField& field : table.fields) bits += field.bits;
    bits_most = std::max(bits_most, bits);
    key_overhead_ += 3;
    // Table, gone mode, bitmap of the gone, a mode and a width a field, count of newcomers, padding.
    delta_overhead_ += 5 + kStride / 8 + static_cast<u32>(table.fields.size() * 7 + 7) / 8;
  }
  values_.resize(values_per_key());
  differences_.resize(values_per_key());
  out_.resize(kStride * (bits_most / 8 + 24) + key_overhead_ + delta_overhead_ + kEventRoom + 16);
}

void ChunkEncoder::load(const world::World& world, const Stream& stream) {
  stream_ = &stream;
  const Member* const members = stream.members.data();
  for (u32 first = 0; first < stream.count;) {
    const u32 table = member_table(members[first]);
    u32 last = first + 1;
    while (last < stream.count && member_table(members[last]) == table) ++last;
    const world::TableBase& source = world.table(schema_[table].index);
    const std::span<const u32> generations = source.generations();
    for (u32 i = first; i < last; ++i) generations_[i] = generations[member_slot(members[i])];
    u32* out = values_.data() + first;
    for (const SentField& field : schema_[table].fields) {
      quantise(source, field, members + first, last - first, out);
      out += kStride;
    }
    first = last;
  }
}

std::byte* ChunkEncoder::put_full(std::byte* out, u32 table, const u8* places, u32 count) const {
  u32 before = 0;
  for (u32 i = 0; i < count; ++i) {
    const u32 slot = member_slot(stream_->members[places[i]]);
    out = put_varint(out, slot - before);
    before = slot;
  }
  for (u32 i = 0; i < count; ++i) out = put_varint(out, generations_[places[i]]);
  BitWriter bits(out);
  const u32* values = values_.data();
  for (const SentField& field : schema_[table].fields) {
    for (u32 i = 0; i < count; ++i) bits.put(values[places[i]], field.bits);
    values += kStride;
  }
  return bits.finish();
}

Bytes ChunkEncoder::make_key(KeyFrame& key, u32* values) {
  const Stream& stream = *stream_;
  key.count = stream.count;
  key.kept = stream.count;
  key.same = true;
  key.new_mask = 0;
  key.membership = stream.membership;
  std::array<u8, kMaxStreamEntities> places;
  for (u32 i = 0; i < stream.count; ++i) {
    places[i] = static_cast<u8>(i);
    key.kept_key[i] = static_cast<u8>(i);
    key.kept_now[i] = static_cast<u8>(i);
    key.members[i] = stream.members[i];
    key.generations[i] = generations_[i];
  }
  std::byte* out = out_.data();
  for (u32 first = 0; first < stream.count;) {
    const u32 table = member_table(stream.members[first]);
    u32 last = first + 1;
    while (last < stream.count && member_table(stream.members[last]) == table) ++last;
    const std::size_t fields = schema_[table].fields.size();
    for (std::size_t f = 0; f < fields; ++f) {
      std::memcpy(values, values_.data() + f * kStride + first, (last - first) * sizeof(u32));
      values += last - first;
    }
    *out++ = static_cast<std::byte>(schema_[table].index);
    out = put_varint(out, last - first);
    out = put_full(out, table, places.data() + first, last - first);
    first = last;
  }
  return {out_.data(), static_cast<std::size_t>(out - out_.data())};
}

void ChunkEncoder::map_members(KeyFrame& key) const {
  const Stream& stream = *stream_;
  u32 kept = 0;
  u32 k = 0;
  u64 news = 0;
  for (u32 i = 0; i < stream.count; ++i) {
    const Member member = stream.members[i];
    while (k < key.count && key.members[k] < member) ++k;
    if (k < key.count && key.members[k] == member && key.generations[k] == generations_[i]) {
      key.kept_key[kept] = static_cast<u8>(k++);
      key.kept_now[kept++] = static_cast<u8>(i);
    } else {
      news |= u64{1} << i;
    }
  }
  key.kept = static_cast<u16>(kept);
  key.new_mask = news;
  key.same = kept == key.count && kept == stream.count;
  key.membership = stream.membership;
}

MutableBytes ChunkEncoder::delta(KeyFrame& key, const u32* values) {
  if (key.membership != stream_->membership) map_members(key);
  const Stream& stream = *stream_;
  std::byte* out = out_.data() + 1;
  u32 sections = 0;
  u32 k = 0;     // in the key frame
  u32 kept = 0;  // among the kept
  u32 now = 0;   // among the members of now
  while (k < key.count || now < stream.count) {
    u32 table = 0xFF;
    if (k < key.count) table = member_table(key.members[k]);
    if (now < stream.count) table = std::min(table, member_table(stream.members[now]));
    u32 k_last = k;
    while (k_last < key.count && member_table(key.members[k_last]) == table) ++k_last;
    u32 kept_last = kept;
    while (kept_last < key.kept && key.kept_key[kept_last] < k_last) ++kept_last;
    u32 now_last = now;
    while (now_last < stream.count && member_table(stream.members[now_last]) == table) ++now_last;
    u64 news = now < 64 ? key.new_mask >> now << now : 0;
    if (now_last < 64) news &= (u64{1} << now_last) - 1;
    std::byte* const end = put_section(out, key, values, table, k, k_last, kept, kept_last, news);
    if (end != out) ++sections;
    out = end;
    values += schema_[table].fields.size() * (k_last - k);
    k = k_last;
    kept = kept_last;
    now = now_last;
  }
  out_[0] = static_cast<std::byte>(sections);
  return {out_.data(), static_cast<std::size_t>(out - out_.data())};
}

std::byte* ChunkEncoder::put_section(std::byte* out, const KeyFrame& key, const u32* values, u32 table,
                                     u32 key_first, u32 key_last, u32 kept_first, u32 kept_last, u64 news) {
  const std::vector<SentField>& fields = schema_[table].fields;
  const u32 kept = kept_last - kept_first;
  const u32 in_key = key_last - key_first;
  std::array<u32, kMaxSentFields> all;      // the differences' bits, or-ed
  std::array<u32, kMaxSentFields> changed;  // differences that are not 0
  u32 any = 0;
  for (std::size_t f = 0; f < fields.size() && kept > 0; ++f) {
    const u32* const now = values_.data() + f * kStride;
    const u32* const then = values + f * in_key;
    u32* const out_difference = differences_.data() + f * kStride;
    const u32 bits = fields[f].bits;
    u32 bits_used = 0;
    u32 count = 0;
    if (key.same) {
      // The key's places are today's.
      for (u32 i = 0; i < kept; ++i) {
        const u32 coded = zigzag_difference(now[key_first + i], then[i], bits);
        out_difference[i] = coded;
        bits_used |= coded;
        count += coded != 0 ? 1 : 0;
      }
    } else {
      for (u32 i = 0; i < kept; ++i) {
        const u32 coded = zigzag_difference(now[key.kept_now[kept_first + i]],
                                            then[key.kept_key[kept_first + i] - key_first], bits);
        out_difference[i] = coded;
        bits_used |= coded;
        count += coded != 0 ? 1 : 0;
      }
    }
    all[f] = bits_used;
    changed[f] = count;
    any |= bits_used;
  }
  if (any == 0 && kept == in_key && news == 0) return out;

  *out++ = static_cast<std::byte>(schema_[table].index);
  const u32 gone_mode = kept == in_key ? 0 : kept == 0 ? 2 : 1;
  *out++ = static_cast<std::byte>(gone_mode);
  BitWriter bits(out);
  if (gone_mode == 1) {
    u32 next = kept_first;
    for (u32 place = key_first; place < key_last; ++place) {
      const bool stays = next < kept_last && key.kept_key[next] == place;
      next += stays ? 1 : 0;
      bits.put(stays ? 0 : 1, 1);
    }
  }
  for (std::size_t f = 0; f < fields.size() && kept > 0; ++f) {
    if (all[f] == 0) {
      bits.put(0, 2);
      continue;
    }
    const u32 width = static_cast<u32>(std::bit_width(all[f]));
    const u32* const difference = differences_.data() + f * kStride;
    if (kept + changed[f] * width >= kept * width) {
      bits.put(1 | ((width - 1) << 2), 7);
      bits.put_all(difference, kept, width);
    } else {
      bits.put(2 | ((width - 1) << 2), 7);
      u64 mask = 0;
      for (u32 i = 0; i < kept; ++i) mask |= u64{difference[i] != 0} << i;
      bits.put(mask & 0xFFFF'FFFF, std::min<u32>(kept, 32));
      if (kept > 32) bits.put(mask >> 32, kept - 32);
      for (; mask != 0; mask &= mask - 1) bits.put(difference[std::countr_zero(mask)], width);
    }
  }
  out = bits.finish();
  const u32 new_count = static_cast<u32>(std::popcount(news));
  out = put_varint(out, new_count);
  if (new_count > 0) {
    std::array<u8, kMaxStreamEntities> places;
    u32 i = 0;
    for (; news != 0; news &= news - 1) places[i++] = static_cast<u8>(std::countr_zero(news));
    out = put_full(out, table, places.data(), new_count);
  }
  return out;
}

}  // namespace drumline::broadcast
