#include "server/battle_ids.hpp"

#include <algorithm>
#include <charconv>

#include "base/bytes.hpp"

namespace drumline::server {
namespace {

constexpr u64 kBlock = 1024;
constexpr std::size_t kMaxFileBytes = 64;

}  // namespace

Result<BattleIds> BattleIds::open(env::FileSystem& files, std::string path, BattleId highest_seen) {
  u64 reserved = 1;
  auto there = files.exists(path);
  if (!there) return std::move(there).error();
  if (*there) {
    auto bytes = env::read_file(files, path, kMaxFileBytes);
    if (!bytes) return std::move(bytes).error();
    const std::string_view text = as_text(*bytes);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), reserved);
    if (error != std::errc{} || reserved == 0) {
      return Error{
          ErrorCode::corrupt,
          path + " holds '" + std::string(text.substr(0, 32)) +
              "' instead of a number: the next free battle number. Write one above all battles in the "
              "folder, or remove the file to count on from those that the journal still has"};
    }
  }
  const u64 next = std::max(reserved, highest_seen.value + 1);
  return BattleIds(files, std::move(path), next, next);
}

Result<BattleId> BattleIds::next() {
  if (next_ == reserved_) {
    const std::string text = std::to_string(next_ + kBlock) + "\n";
    if (auto written = env::write_file_atomic(*files_, path_, as_bytes(text)); !written) {
      return std::move(written).error().within("reserving battle numbers");
    }
    reserved_ = next_ + kBlock;
  }
  return BattleId{next_++};
}

}  // namespace drumline::server
