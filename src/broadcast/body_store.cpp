#include "broadcast/body_store.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace drumline::broadcast {

BodyStore::BodyStore(Schema schema, BodyCounters* counters)
    : schema_(std::move(schema)),
      tables_(schema_),
      counters_(counters != nullptr ? counters : &own_counters_),
      heads_(1),
      decoded_(1) {}

bool BodyStore::equal(Ref held, Bytes bytes) const {
  const Head& head = heads_[held];
  if (head.bytes != bytes.size()) return false;
  const std::size_t first = std::min(bytes.size(), kStartBytes);
  const std::vector<std::byte>& rest = decoded_[held].rest;
  // Nothing may be compared at null, not even nothing.
  return (first == 0 || std::memcmp(bytes.data(), head.start.data(), first) == 0) &&
         (rest.empty() || std::memcmp(bytes.data() + first, rest.data(), rest.size()) == 0);
}

void BodyStore::keep_bytes(Ref held, Bytes bytes) {
  const Bytes first = bytes.first(std::min(bytes.size(), kStartBytes));
  const Bytes rest = bytes.subspan(first.size());
  heads_[held].bytes = static_cast<u16>(bytes.size());
  std::ranges::copy(first, heads_[held].start.begin());
  decoded_[held].rest.assign(rest.begin(), rest.end());
}

BodyStore::Ref BodyStore::share(Ref known, Bytes bytes) {
  if (!equal(known, bytes)) {
    ++counters_->different;
    return kNone;
  }
  ++counters_->equal;
  return hold_again(known);
}

BodyStore::Ref BodyStore::hold_key(BattleId battle, u32 stream, u8 number, u32 tick, Bytes body) {
  const KeyName name(battle, (stream << 8) | number);
  const auto listed = newest_keys_.find(name);
  const bool known = listed != newest_keys_.end() && heads_[listed->second].tick == tick;
  if (known) {
    if (const Ref shared = share(listed->second, body); shared != kNone) return shared;
  }
  const Ref made = take();
  if (!parse_key(tables_, body, decoded_[made].columns)) {
    forget(made);
    return kNone;
  }
  ++counters_->decoded;
  Head& head = heads_[made];
  head.tick = tick;
  head.holders = 1;
  head.name = name.second;
  head.is_key = true;
  decoded_[made].battle = battle;
  decoded_[made].events.clear();
  keep_bytes(made, body);
  if (!known) newest_keys_[name] = made;
  return made;
}

BodyStore::Ref BodyStore::hold_chunk(Ref key, u32 tick, Bytes body) {
  const Ref listed = heads_[key].chunks[tick % kTicks];
  const bool known = listed != kNone && heads_[listed].tick == tick;
  if (known) {
    if (const Ref shared = share(listed, body); shared != kNone) return shared;
  }
  const Ref made = take();
  Decoded& chunk = decoded_[made];
  if (!parse_delta(tables_, decoded_[key].columns, body, tick, chunk.columns, chunk.events)) {
    forget(made);
    return kNone;
  }
  ++counters_->decoded;
  Head& head = heads_[made];
  head.tick = tick;
  head.holders = 1;
  head.key = key;
  keep_bytes(made, body);
  if (!known) heads_[key].chunks[tick % kTicks] = made;
  return made;
}

BodyStore::Ref BodyStore::take() {
  if (free_.empty()) {
    heads_.emplace_back();
    decoded_.emplace_back();
    return static_cast<Ref>(heads_.size() - 1);
  }
  const Ref ref = free_.back();
  free_.pop_back();
  return ref;
}

/// What was decoded stays for the next one to replace.
void BodyStore::forget(Ref ref) {
  Head& head = heads_[ref];
  if (head.is_key) {
    const auto listed = newest_keys_.find({decoded_[ref].battle, head.name});
    if (listed != newest_keys_.end() && listed->second == ref) newest_keys_.erase(listed);
    head.is_key = false;
    head.chunks = {};
  } else if (Ref& listed = heads_[head.key].chunks[head.tick % kTicks]; listed == ref) {
    listed = kNone;
  }
  free_.push_back(ref);
}

std::size_t BodyStore::memory_bytes() const {
  std::size_t bytes = sizeof(*this) + heads_.capacity() * (sizeof(Head) + sizeof(Decoded)) +
                      free_.capacity() * sizeof(Ref) + newest_keys_.size() * 6 * sizeof(u64);
  for (const Decoded& each : decoded_) {
    bytes += each.columns.memory_bytes() + each.events.capacity() * sizeof(ToldEvent) + each.rest.capacity();
  }
  return bytes;
}

std::shared_ptr<BodyStore> BodyStores::of(Schema schema) {
  std::erase_if(stores_, [](const auto& each) { return each.expired(); });
  for (const std::weak_ptr<BodyStore>& each : stores_) {
    if (auto store = each.lock(); store && store->schema() == schema) return store;
  }
  auto store = std::make_shared<BodyStore>(std::move(schema), &counters_);
  stores_.push_back(store);
  return store;
}

}  // namespace drumline::broadcast
