#include "server/shard_mailbox.hpp"

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

std::vector<ShardRequest> ShardMailbox::take() {
  const std::lock_guard lock(mutex_);
  filled_.store(false, std::memory_order_release);
  return std::exchange(requests_, {});
}

}  // namespace drumline::server
