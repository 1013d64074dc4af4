#include "ebpf/shaping.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <system_error>

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.hpp"
#include "ebpf/kernel_error.hpp"
#include "shaping.skel.h"

namespace drumline::ebpf {
namespace {

constexpr std::array kPins{"settings", "verdicts", "prefixes4", "prefixes6", "sources", "clients"};

std::string why(int number) {
  return std::error_code(number, std::system_category()).message();
}

/// Locked, so that one process has it; the kernel lets go when that ends, however it ends.
Result<Descriptor> lock_folder(const std::string& folder) {
  Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.number() < 0) {
    const ErrorCode code = errno == ENOENT   ? ErrorCode::not_found
                           : errno == EACCES ? ErrorCode::permission
                                             : ErrorCode::io;
    return Error{code, "cannot open " + folder + ": " + why(errno)};
  }
  if (::flock(descriptor.number(), LOCK_EX | LOCK_NB) != 0) {
    return Error{ErrorCode::unavailable,
                 "another node that runs has its maps in " + folder +
                     "; end it, or set shaping.pin_folder to another folder in the BPF file system"};
  }
  return descriptor;
}

Result<Descriptor> make_folder(const std::string& folder) {
  const std::size_t slash = folder.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : folder.substr(0, slash);
  struct statfs system {};
  if (::statfs(parent.c_str(), &system) != 0 || system.f_type != BPF_FS_MAGIC) {
    return Error{ErrorCode::unavailable, parent +
                                             " is no BPF file system, which shaping keeps its maps in; "
                                             "mount one with `mount -t bpf bpf " +
                                             parent + "`, or set shaping.pin_folder"};
  }
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return kernel_error("make " + folder, errno);
  return lock_folder(folder);
}

/// The folder is locked by us. True when anything was there.
Result<bool> empty_folder(const std::string& folder) {
  bool found = false;
  if (auto maps = ShapingMaps::open(folder)) {
    const auto settings = maps->settings();
    if (!settings) return settings.error();
    for (const u32 index : settings->interfaces) {
      if (index == 0) continue;
      if (auto removed = remove_egress(index); !removed) return std::move(removed).error();
    }
  }
  for (const char* const name : kPins) {
    const std::string path = folder + '/' + name;
    if (::unlink(path.c_str()) == 0)
      found = true;
    else if (errno != ENOENT)
      return Error{ErrorCode::io, "cannot remove " + path + ": " + why(errno)};
  }
  return found;
}

}  // namespace

struct Shaping::Impl {
  std::string folder;
  Descriptor folder_lock;
  std::vector<Interface> interfaces;
  SkeletonPointer<shaping_bpf> programs;
  std::optional<ShapingMaps> maps;
  std::vector<Descriptor> xdp_links;

  Result<void> load(const ShapingOptions& options);
  Result<void> pin();
  Result<void> attach(XdpMode mode);
  Result<void> fill(const ShapingOptions& options);
};

Shaping::Shaping(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Shaping>> Shaping::start(const ShapingOptions& options) {
  DRUM_ASSERT(!options.interfaces.empty() && options.interfaces.size() <= SHAPING_INTERFACES);
  quiet_libbpf();
  // From here on what has been done is undone with it.
  std::unique_ptr<Shaping> shaping(new Shaping(std::make_unique<Impl>()));
  Impl& impl = *shaping->impl_;
  for (const std::string& name : options.interfaces) {
    auto interface = find_interface(name);
    if (!interface) return std::move(interface).error();
    impl.interfaces.push_back(std::move(*interface));
  }
  auto lock = make_folder(options.pin_folder);
  if (!lock) return std::move(lock).error();
  impl.folder = options.pin_folder;
  impl.folder_lock = std::move(*lock);
  auto left = empty_folder(impl.folder);
  if (!left) return std::move(left).error();
  if (*left) log_info("shaping: took away what a node that was killed has left in {}", impl.folder);
  if (auto loaded = impl.load(options); !loaded) return std::move(loaded).error();
  if (auto pinned = impl.pin(); !pinned) return std::move(pinned).error();
  if (auto filled = impl.fill(options); !filled) return std::move(filled).error();
  if (auto attached = impl.attach(options.mode); !attached) return std::move(attached).error();
  return shaping;
}

Shaping::~Shaping() {
  if (impl_->folder_lock.number() < 0) return;
  impl_->xdp_links.clear();
  if (const auto emptied = empty_folder(impl_->folder); !emptied)
    log_warning("shaping: {}", emptied.error().message);
  ::rmdir(impl_->folder.c_str());
}

Result<void> Shaping::Impl::load(const ShapingOptions& options) {
  const std::string what = "load the programs that shape packets";
  programs.reset(shaping_bpf::open());
  if (!programs) return kernel_error(what, errno);
  bpf_map__set_max_entries(programs->maps.sources, options.max_sources);
  bpf_map__set_max_entries(programs->maps.clients, options.max_sources);
  if (const int failed = shaping_bpf::load(programs.get()); failed != 0) return load_error(what, failed);
  return {};
}

Result<void> Shaping::Impl::pin() {
  const std::array maps_to_pin{programs->maps.settings,  programs->maps.verdicts, programs->maps.prefixes4,
                               programs->maps.prefixes6, programs->maps.sources,  programs->maps.clients};
  for (std::size_t i = 0; i < kPins.size(); ++i) {
    const std::string path = folder + '/' + kPins[i];
    if (const int failed = bpf_map__pin(maps_to_pin[i], path.c_str()); failed != 0)
      return kernel_error("pin " + path, failed);
  }
  return {};
}

Result<void> Shaping::Impl::fill(const ShapingOptions& options) {
  auto opened = ShapingMaps::open(folder);
  if (!opened) return std::move(opened).error();
  maps.emplace(std::move(*opened));
  shaping_settings settings = options.settings;
  std::fill(std::begin(settings.interfaces), std::end(settings.interfaces), 0U);
  if (auto changed = maps->change_settings(settings); !changed) return changed;
  for (const PrefixRule& rule : options.rules) {
    if (auto set = maps->set_rule(rule); !set) return set;
  }
  return {};
}

Result<void> Shaping::Impl::attach(XdpMode mode) {
  auto settings = maps->settings();
  if (!settings) return std::move(settings).error();
  for (std::size_t i = 0; i < interfaces.size(); ++i) {
    const Interface& interface = interfaces[i];
    auto link = attach_xdp(bpf_program__fd(programs->progs.shape), interface, mode);
    if (!link) return std::move(link).error();
    xdp_links.push_back(std::move(*link));
    // Whose XDP program is there has the interface, and may take away what is at its other side.
    settings->interfaces[i] = interface.index;
    if (auto changed = maps->change_settings(*settings); !changed) return changed;
    if (auto done = attach_egress(bpf_program__fd(programs->progs.police), interface); !done) return done;
  }
  return {};
}

Result<bool> Shaping::remove_leftovers(const std::string& folder) {
  quiet_libbpf();
  auto lock = lock_folder(folder);
  if (!lock) {
    if (lock.error().code == ErrorCode::not_found) return false;
    return std::move(lock).error();
  }
  auto emptied = empty_folder(folder);
  if (emptied) ::rmdir(folder.c_str());
  return emptied;
}

const ShapingMaps& Shaping::maps() const {
  return *impl_->maps;
}
ShapingMaps& Shaping::maps() {
  return *impl_->maps;
}

std::vector<std::string> Shaping::attached() const {
  std::vector<std::string> texts;
  for (const Interface& interface : impl_->interfaces)
    texts.push_back(interface.name + (is_native_xdp(interface) ? " (native)" : " (generic)"));
  return texts;
}

}  // namespace drumline::ebpf
