#include "env/simulated_files.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "env/random.hpp"

namespace drumline::env {

namespace {

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

std::string without_slash(std::string folder) {
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  return folder;
}

Error failure(ErrorCode code, const char* doing, const std::string& path, const char* why) {
  return {code, std::string("cannot ") + doing + " " + path + ": " + why};
}

}  // namespace

struct SimulatedFiles::Node {
  std::vector<std::byte> live;
  std::vector<std::byte> durable;
  std::set<u64> dirty;              // sectors of `live` that may not be in `durable`
  std::optional<u64> truncated_to;  // the least size since the last sync, when it shrank

  /// Writes one dirty sector to the disk.
  void write_back(u64 sector, u32 sector_bytes) {
    const u64 start = sector * sector_bytes;
    const u64 end = std::min<u64>(start + sector_bytes, live.size());
    if (start >= end) return;
    truncate_durable();  // a journaled file system commits that before new data
    if (durable.size() < end) durable.resize(end);
    std::memcpy(durable.data() + start, live.data() + start, end - start);
  }
  void truncate_durable() {
    if (truncated_to && durable.size() > *truncated_to) durable.resize(*truncated_to);
    truncated_to.reset();
  }
};

struct SimulatedFiles::State {
  // Shared: a file lives while a name, live or durable, or an open file has it.
  using Names = std::map<std::string, std::shared_ptr<Node>>;
  struct FolderChange {
    std::string folder;
    std::string removed;  // path, or empty
    std::string made;     // path, or empty
    std::shared_ptr<Node> node;
  };
  enum class Kind { read, write, other_change };

  explicit State(const Options& given) : options(given), random(given.seed) {}

  mutable std::mutex mutex;
  Options options;
  SeededRandom random;
  Names live;
  Names durable;
  std::set<std::string> folders{".", "/"};
  std::vector<FolderChange> changes;
  u64 crashes = 0;

  u64 operations = 0;
  u64 counted_from = 0;
  u64 fail_every = 0;
  u64 fail_nth = 0;
  Fault fault = Fault::io_error;
  u64 cut_nth = 0;
  bool dark = false;

  u64 below(u64 limit) { return limit == 0 ? 0 : random.next_u64() % limit; }
  bool coin() { return (random.next_u64() & 1) != 0; }

  /// Counts an operation and says how it fails, if it does.
  std::optional<Fault> next_operation(Kind kind) {
    const u64 nth = ++operations - counted_from;
    if (cut_nth != 0 && nth == cut_nth) dark = true;
    if (dark) return Fault::io_error;
    const bool chosen = (fail_every != 0 && nth % fail_every == 0) || (fail_nth != 0 && nth == fail_nth);
    if (!chosen) return std::nullopt;
    if (fault == Fault::no_space && kind == Kind::read) return std::nullopt;
    if (fault == Fault::short_write && kind != Kind::write) return std::nullopt;
    return fault;
  }

  static Error told(Fault fault, const char* doing, const std::string& path) {
    return fault == Fault::no_space ? failure(ErrorCode::exhausted, doing, path, "No space left on device")
                                    : failure(ErrorCode::io, doing, path, "Input/output error");
  }

  u64 used_bytes() const {
    u64 used = 0;
    for (const auto& [path, node] : live) used += node->live.size();
    return used;
  }

  /// Changes the live content; the first `size` bytes of `bytes` reach the cache.
  void put(Node& node, u64 offset, Bytes bytes) {
    if (bytes.empty()) return;
    const u64 old_size = node.live.size();
    const u64 end = offset + bytes.size();
    const u64 first = std::min(offset, old_size) / options.sector_bytes;
    for (u64 sector = first; sector * options.sector_bytes < end; ++sector) {
      // The kernel writes back when it likes: an older version may be on the disk.
      if (node.dirty.contains(sector) && below(4) == 0) node.write_back(sector, options.sector_bytes);
      node.dirty.insert(sector);
    }
    if (old_size < end) node.live.resize(end);
    std::memcpy(node.live.data() + offset, bytes.data(), bytes.size());
  }

  /// How much of a write of `size` bytes fits on the disk.
  u64 fitting(const Node& node, u64 offset, u64 size) const {
    const u64 used = used_bytes();
    const u64 left = options.capacity_bytes > used ? options.capacity_bytes - used : 0;
    const u64 limit = left > ~u64{0} - node.live.size() ? ~u64{0} : node.live.size() + left;
    return offset >= limit ? 0 : std::min(size, limit - offset);
  }

  void apply(const FolderChange& change) {
    if (!change.removed.empty()) durable.erase(change.removed);
    if (!change.made.empty()) durable[change.made] = change.node;
  }

  void lose_power(Node& node) {
    // A truncation that did not get there takes what was written after it along.
    if (node.truncated_to && coin()) {
      node.dirty.clear();
    } else {
      node.truncate_durable();
    }
    for (const u64 sector : node.dirty) {
      if (coin()) node.write_back(sector, options.sector_bytes);
    }
    node.dirty.clear();
    node.truncated_to.reset();
    node.live = node.durable;
  }
};

class SimulatedFiles::OpenFile final : public File {
 public:
  OpenFile(std::shared_ptr<State> state, std::shared_ptr<Node> node, std::string path, bool writable)
      : state_(std::move(state)),
        node_(std::move(node)),
        path_(std::move(path)),
        writable_(writable),
        opened_in_(state_->crashes) {}

  const std::string& path() const override { return path_; }

  Result<u64> size() const override {
    const std::scoped_lock lock(state_->mutex);
    if (dead()) return stale();
    return u64{node_->live.size()};
  }

  Result<std::size_t> read_at(u64 offset, MutableBytes out) const override {
    const std::scoped_lock lock(state_->mutex);
    if (dead()) return stale();
    if (const auto fault = state_->next_operation(State::Kind::read))
      return State::told(*fault, "read", path_);
    if (offset >= node_->live.size()) return std::size_t{0};
    const std::size_t size = std::min<std::size_t>(out.size(), node_->live.size() - offset);
    if (size != 0) std::memcpy(out.data(), node_->live.data() + offset, size);
    return size;
  }

  Result<void> write_at(u64 offset, Bytes bytes) override {
    const std::scoped_lock lock(state_->mutex);
    return write(offset, bytes).outcome;
  }

  Result<void> write_durable_at(u64 offset, Bytes bytes) override {
    const std::scoped_lock lock(state_->mutex);
    const Written written = write(offset, bytes);
    const u32 sector_bytes = state_->options.sector_bytes;
    if (written.size == 0) return written.outcome;
    for (u64 sector = offset / sector_bytes; sector * sector_bytes < offset + written.size; ++sector) {
      if (written.outcome.ok()) {
        node_->write_back(sector, sector_bytes);
        node_->dirty.erase(sector);
      } else if (state_->coin()) {
        // A failed write-back leaves a clean page in the cache; the disk has it or not.
        if (state_->coin()) node_->write_back(sector, sector_bytes);
        node_->dirty.erase(sector);
      }
    }
    return written.outcome;
  }

  Result<void> sync() override {
    const std::scoped_lock lock(state_->mutex);
    if (dead()) return stale();
    const auto fault = state_->next_operation(State::Kind::other_change);
    if (!fault) node_->truncate_durable();
    for (const u64 sector : node_->dirty) {
      if (!fault || state_->coin()) node_->write_back(sector, state_->options.sector_bytes);
    }
    // Also after a failure: the pages count as clean from here on.
    if (!state_->dark) node_->dirty.clear();
    if (fault) return State::told(*fault, "sync", path_);
    return {};
  }

  Result<void> truncate(u64 size) override {
    const std::scoped_lock lock(state_->mutex);
    if (dead()) return stale();
    if (!writable_) return failure(ErrorCode::permission, "resize", path_, "opened for reading");
    if (const auto fault = state_->next_operation(State::Kind::other_change)) {
      return State::told(*fault, "resize", path_);
    }
    const u64 old_size = node_->live.size();
    if (size < old_size) {
      node_->live.resize(size);
      node_->truncated_to = std::min(node_->truncated_to.value_or(size), size);
      node_->dirty.erase(
          node_->dirty.lower_bound((size + state_->options.sector_bytes - 1) / state_->options.sector_bytes),
          node_->dirty.end());
    } else if (size > old_size) {
      if (state_->fitting(*node_, old_size, size - old_size) < size - old_size) {
        return failure(ErrorCode::exhausted, "resize", path_, "No space left on device");
      }
      node_->live.resize(size);
      const u32 sector_bytes = state_->options.sector_bytes;
      for (u64 sector = old_size / sector_bytes; sector * sector_bytes < size; ++sector)
        node_->dirty.insert(sector);
    }
    return {};
  }

 private:
  struct Written {
    Result<void> outcome;
    u64 size = 0;
  };

  bool dead() const { return opened_in_ != state_->crashes; }
  Error stale() const { return failure(ErrorCode::io, "use", path_, "it was open when the machine stopped"); }

  Written write(u64 offset, Bytes bytes) {
    if (dead()) return {stale()};
    if (!writable_) return {failure(ErrorCode::permission, "write", path_, "opened for reading")};
    const bool was_dark = state_->dark;
    const auto fault = state_->next_operation(State::Kind::write);
    if (fault && was_dark) return {State::told(*fault, "write", path_)};
    u64 size = fault ? state_->below(bytes.size()) : bytes.size();
    const u64 fits = state_->fitting(*node_, offset, size);
    state_->put(*node_, offset, bytes.first(std::min(size, fits)));
    if (fault) return {State::told(*fault, "write", path_), std::min(size, fits)};
    if (fits < size) return {failure(ErrorCode::exhausted, "write", path_, "No space left on device"), fits};
    return {Result<void>{}, size};
  }

  const std::shared_ptr<State> state_;
  const std::shared_ptr<Node> node_;
  const std::string path_;
  const bool writable_;
  const u64 opened_in_;
};

SimulatedFiles::SimulatedFiles(const Options& options) : state_(std::make_shared<State>(options)) {
  DRUM_ASSERT(options.sector_bytes > 0);
}
SimulatedFiles::SimulatedFiles() : SimulatedFiles(Options{}) {}
SimulatedFiles::~SimulatedFiles() = default;

Result<std::unique_ptr<File>> SimulatedFiles::open(const std::string& path, OpenMode mode) {
  const std::scoped_lock lock(state_->mutex);
  const auto kind =
      mode == OpenMode::read || mode == OpenMode::read_write ? State::Kind::read : State::Kind::other_change;
  if (const auto fault = state_->next_operation(kind)) return State::told(*fault, "open", path);
  if (state_->folders.contains(path)) return failure(ErrorCode::io, "open", path, "Is a directory");
  const auto found = state_->live.find(path);
  const bool there = found != state_->live.end();
  std::shared_ptr<Node> node = there ? found->second : nullptr;
  switch (mode) {
    case OpenMode::read:
    case OpenMode::read_write:
      if (!there) return failure(ErrorCode::not_found, "open", path, "No such file or directory");
      break;
    case OpenMode::create_exclusive:
      if (there) return failure(ErrorCode::already_exists, "open", path, "File exists");
      break;
    case OpenMode::create_truncate:
      if (there) {
        node->live.clear();
        node->dirty.clear();
        node->truncated_to = 0;
      }
      break;
  }
  if (!node) {
    const std::string folder = folder_of(path);
    if (!state_->folders.contains(folder)) {
      return failure(ErrorCode::not_found, "open", path, "No such file or directory");
    }
    node = std::make_shared<Node>();
    state_->live[path] = node;
    state_->changes.push_back({folder, "", path, node});
  }
  return std::unique_ptr<File>(std::make_unique<OpenFile>(state_, node, path, mode != OpenMode::read));
}

Result<std::vector<std::string>> SimulatedFiles::list(const std::string& given) {
  const std::scoped_lock lock(state_->mutex);
  const std::string folder = without_slash(given);
  if (const auto fault = state_->next_operation(State::Kind::read))
    return State::told(*fault, "list", folder);
  if (!state_->folders.contains(folder)) {
    return failure(ErrorCode::not_found, "list", folder, "No such file or directory");
  }
  std::vector<std::string> names;
  for (const auto& [path, node] : state_->live) {
    if (folder_of(path) == folder) names.push_back(path.substr(path.rfind('/') + 1));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<std::string>> SimulatedFiles::list_folders(const std::string& given) {
  const std::scoped_lock lock(state_->mutex);
  const std::string folder = without_slash(given);
  if (const auto fault = state_->next_operation(State::Kind::read))
    return State::told(*fault, "list", folder);
  if (!state_->folders.contains(folder)) {
    return failure(ErrorCode::not_found, "list", folder, "No such file or directory");
  }
  std::vector<std::string> names;
  for (const std::string& path : state_->folders) {
    if (path != "." && path != "/" && folder_of(path) == folder)
      names.push_back(path.substr(path.rfind('/') + 1));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> SimulatedFiles::make_folder(const std::string& given) {
  const std::scoped_lock lock(state_->mutex);
  const std::string folder = without_slash(given);
  if (const auto fault = state_->next_operation(State::Kind::other_change)) {
    return State::told(*fault, "make folder", folder);
  }
  for (std::string part = folder; !state_->folders.contains(part); part = folder_of(part)) {
    if (state_->live.contains(part))
      return failure(ErrorCode::not_found, "make folder", part, "Not a directory");
    state_->folders.insert(part);
  }
  return {};
}

Result<void> SimulatedFiles::rename(const std::string& from, const std::string& to) {
  const std::scoped_lock lock(state_->mutex);
  if (const auto fault = state_->next_operation(State::Kind::other_change))
    return State::told(*fault, "rename", from);
  const auto found = state_->live.find(from);
  if (found == state_->live.end() || !state_->folders.contains(folder_of(to))) {
    return failure(ErrorCode::not_found, "rename", from, "No such file or directory");
  }
  if (from == to) return {};
  const std::shared_ptr<Node> node = found->second;
  state_->live.erase(found);
  state_->live[to] = node;
  state_->changes.push_back({folder_of(to), from, to, node});
  return {};
}

Result<void> SimulatedFiles::remove(const std::string& path) {
  const std::scoped_lock lock(state_->mutex);
  if (const auto fault = state_->next_operation(State::Kind::other_change))
    return State::told(*fault, "remove", path);
  if (state_->live.erase(path) == 0)
    return failure(ErrorCode::not_found, "remove", path, "No such file or directory");
  state_->changes.push_back({folder_of(path), path, "", nullptr});
  return {};
}

Result<void> SimulatedFiles::sync_folder(const std::string& given) {
  const std::scoped_lock lock(state_->mutex);
  const std::string folder = without_slash(given);
  if (const auto fault = state_->next_operation(State::Kind::other_change)) {
    return State::told(*fault, "sync folder", folder);
  }
  if (!state_->folders.contains(folder)) {
    return failure(ErrorCode::not_found, "sync folder", folder, "No such file or directory");
  }
  std::erase_if(state_->changes, [&](const State::FolderChange& change) {
    if (change.folder != folder) return false;
    state_->apply(change);
    return true;
  });
  return {};
}

Result<bool> SimulatedFiles::exists(const std::string& given) {
  const std::scoped_lock lock(state_->mutex);
  return state_->live.contains(given) || state_->folders.contains(without_slash(given));
}

Result<u64> SimulatedFiles::free_bytes(const std::string&) {
  const std::scoped_lock lock(state_->mutex);
  const u64 used = state_->used_bytes();
  return state_->options.capacity_bytes > used ? state_->options.capacity_bytes - used : 0;
}

void SimulatedFiles::crash() {
  const std::scoped_lock lock(state_->mutex);
  // A folder's changes reach the disk in order, up to some point.
  std::map<std::string, bool> reached_end;
  for (const State::FolderChange& change : state_->changes) {
    bool& stopped = reached_end[change.folder];
    if (!stopped && state_->coin()) {
      state_->apply(change);
    } else {
      stopped = true;
    }
  }
  state_->changes.clear();
  for (const auto& [path, node] : state_->durable) state_->lose_power(*node);
  state_->live = state_->durable;
  ++state_->crashes;
  state_->fail_every = state_->fail_nth = state_->cut_nth = 0;
  state_->dark = false;
}

u64 SimulatedFiles::operations() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->operations;
}

void SimulatedFiles::fail_every(u64 every, Fault fault) {
  const std::scoped_lock lock(state_->mutex);
  state_->counted_from = state_->operations;
  state_->fail_every = every;
  state_->fail_nth = 0;
  state_->fault = fault;
}

void SimulatedFiles::fail_at(u64 nth, Fault fault) {
  const std::scoped_lock lock(state_->mutex);
  state_->counted_from = state_->operations;
  state_->fail_nth = nth;
  state_->fail_every = 0;
  state_->fault = fault;
}

void SimulatedFiles::cut_power_at(u64 nth) {
  const std::scoped_lock lock(state_->mutex);
  state_->counted_from = state_->operations;
  state_->cut_nth = nth;
}

void SimulatedFiles::set_capacity(u64 bytes) {
  const std::scoped_lock lock(state_->mutex);
  state_->options.capacity_bytes = bytes;
}

std::vector<std::byte> SimulatedFiles::durable_content(const std::string& path) const {
  const std::scoped_lock lock(state_->mutex);
  const auto found = state_->durable.find(path);
  return found == state_->durable.end() ? std::vector<std::byte>{} : found->second->durable;
}

}  // namespace drumline::env
