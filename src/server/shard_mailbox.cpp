#include "server/shard_mailbox.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace drumline::server {

Result<void> ShardMailbox::post(ShardRequest request) {
  const std::lock_guard lock(mutex_);
  if (requests_.size() >= kCapacity) {
    return Error{ErrorCode::exhausted, "the battle shard has " + std::to_string(kCapacity) +
                                           " requests waiting and takes no more; try again later"};
  }
  requests_.push_back(std::move(request));
  filled_.store(true, std::memory_order_release);
  return {};
}

std::vector<ShardRequest> ShardMailbox::take(std::size_t most) {
  const std::lock_guard lock(mutex_);
  const auto end = requests_.begin() + static_cast<std::ptrdiff_t>(std::min(most, requests_.size()));
  std::vector<ShardRequest> taken(std::make_move_iterator(requests_.begin()), std::make_move_iterator(end));
  requests_.erase(requests_.begin(), end);
  filled_.store(!requests_.empty(), std::memory_order_release);
  return taken;
}

}  // namespace drumline::server
