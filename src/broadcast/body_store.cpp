#include "broadcast/body_store.hpp"

#include <algorithm>
#include <utility>

namespace drumline::broadcast {

BodyStore::BodyStore(Schema schema, BodyCounters* counters)
    : schema_(std::move(schema)),
      tables_(schema_),
      counters_(counters != nullptr ? counters : &own_counters_),
      bodies_(1) {}

BodyStore::Ref BodyStore::share(Ref known, Bytes bytes) {
  if (!equal(bodies_[known], bytes)) {
    ++counters_->different;
    return kNone;
  }
  ++counters_->equal;
  return hold_again(known);
}

BodyStore::Ref BodyStore::hold_key(u32 stream, u8 number, u32 tick, Bytes body) {
  const u32 name = (stream << 8) | number;
  const auto listed = newest_keys_.find(name);
  const bool known = listed != newest_keys_.end() && bodies_[listed->second].tick_ == tick;
  if (known) {
    if (const Ref shared = share(listed->second, body); shared != kNone) return shared;
  }
  const Ref made = take();
  Body& key = bodies_[made];
  if (!parse_key(tables_, body, key.columns_)) {
    forget(made);
    return kNone;
  }
  ++counters_->decoded;
  key.tick_ = tick;
  key.number_ = number;
  key.stream_ = stream;
  key.bytes_.assign(body.begin(), body.end());
  key.chunks_.assign(kTicks, kNone);
  key.holders_ = 1;
  if (!known) newest_keys_[name] = made;
  return made;
}

BodyStore::Ref BodyStore::hold_chunk(Ref key, u32 tick, Bytes body) {
  const Ref listed = bodies_[key].chunks_[tick % kTicks];
  const bool known = listed != kNone && bodies_[listed].tick_ == tick;
  if (known) {
    if (const Ref shared = share(listed, body); shared != kNone) return shared;
  }
  const Ref made = take();
  Body& chunk = bodies_[made];
  if (!parse_delta(tables_, bodies_[key].columns_, body, tick, chunk.columns_, chunk.events_)) {
    forget(made);
    return kNone;
  }
  ++counters_->decoded;
  chunk.tick_ = tick;
  chunk.number_ = bodies_[key].number_;
  chunk.key_ = key;
  chunk.bytes_.assign(body.begin(), body.end());
  chunk.holders_ = 1;
  if (!known) bodies_[key].chunks_[tick % kTicks] = made;
  return made;
}

BodyStore::Ref BodyStore::take() {
  if (free_.empty()) {
    bodies_.emplace_back();
    return static_cast<Ref>(bodies_.size() - 1);
  }
  const Ref ref = free_.back();
  free_.pop_back();
  return ref;
}

/// Its memory is kept for the next one.
void BodyStore::forget(Ref ref) {
  Body& body = bodies_[ref];
  if (!body.chunks_.empty()) {
    const auto listed = newest_keys_.find((body.stream_ << 8) | body.number_);
    if (listed != newest_keys_.end() && listed->second == ref) newest_keys_.erase(listed);
    body.chunks_.clear();
  } else if (auto& chunks = bodies_[body.key_].chunks_;
             !chunks.empty() && chunks[body.tick_ % kTicks] == ref) {
    chunks[body.tick_ % kTicks] = kNone;
  }
  body.key_ = kNone;
  body.columns_.clear();
  body.events_.clear();
  free_.push_back(ref);
}

std::size_t BodyStore::memory_bytes() const {
  std::size_t bytes = sizeof(*this) + bodies_.capacity() * sizeof(Body) + free_.capacity() * sizeof(Ref) +
                      newest_keys_.size() * 4 * sizeof(u64);
  for (const Body& body : bodies_) {
    bytes += body.bytes_.capacity() + body.columns_.memory_bytes() +
             body.events_.capacity() * sizeof(ToldEvent) + body.chunks_.capacity() * sizeof(Ref);
  }
  return bytes;
}

std::shared_ptr<BodyStore> BodyStores::of(BattleId battle, Schema schema) {
  std::weak_ptr<BodyStore>& known = stores_[battle];
  if (auto store = known.lock()) {
    if (store->schema() == schema) return store;
    return std::make_shared<BodyStore>(std::move(schema), &counters_);
  }
  std::erase_if(stores_, [&](const auto& each) { return each.first != battle && each.second.expired(); });
  auto store = std::make_shared<BodyStore>(std::move(schema), &counters_);
  stores_[battle] = store;
  return store;
}

}  // namespace drumline::broadcast
