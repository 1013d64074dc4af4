// malloc and its relatives, which count the bytes in use by the library that called. A block has
// 16 bytes more in front: its size, and whose it is. See bench/heap_by_library.hpp.
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include <link.h>

// What glibc's own allocator is called besides.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" {
void* __libc_malloc(std::size_t size);
void __libc_free(void* memory);
void* __libc_memalign(std::size_t alignment, std::size_t size);
}
// NOLINTEND(bugprone-reserved-identifier)

namespace {

constexpr std::size_t kLibraries = 128;

struct Library {
  std::uintptr_t begin = 0, end = 0;
  std::array<char, 64> name{};
  std::atomic<long> bytes{0};
};
std::array<Library, kLibraries> libraries;  ///< 0: those that are not known
std::atomic<std::size_t> known{0};
std::atomic_flag looking = ATOMIC_FLAG_INIT;

/// In front of what the caller has.
struct Header {
  std::uint32_t back;  ///< from the caller's memory to the block's own begin
  std::uint32_t library;
  std::uint64_t size;
};
static_assert(sizeof(Header) == 16);

int add_library(dl_phdr_info* info, std::size_t, void*) {
  std::size_t at = known.load(std::memory_order_relaxed);
  if (at == 0) at = 1;
  for (int i = 0; i < info->dlpi_phnum && at < kLibraries; ++i) {
    const auto& part = info->dlpi_phdr[i];
    if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
    Library& library = libraries[at++];
    library.begin = info->dlpi_addr + part.p_vaddr;
    library.end = library.begin + part.p_memsz;
    const char* path = info->dlpi_name;
    const char* slash = std::strrchr(path, '/');
    const char* name = *path == '\0' ? "drumline" : slash != nullptr ? slash + 1 : path;
    std::strncpy(library.name.data(), name, library.name.size() - 1);
  }
  known.store(at, std::memory_order_release);
  return 0;
}

std::uint32_t library_of(const void* code) {
  if (known.load(std::memory_order_acquire) == 0) {
    // The one that comes first looks; what others ask for meanwhile is nobody's.
    if (looking.test_and_set()) return 0;
    dl_iterate_phdr(add_library, nullptr);
  }
  const auto at = reinterpret_cast<std::uintptr_t>(code);
  const std::size_t count = known.load(std::memory_order_acquire);
  for (std::size_t i = 1; i < count; ++i) {
    if (at >= libraries[i].begin && at < libraries[i].end) return static_cast<std::uint32_t>(i);
  }
  return 0;
}

void* take(void* block, std::size_t front, std::size_t size, const void* caller) {
  if (block == nullptr) {
    errno = ENOMEM;
    return nullptr;
  }
  auto* memory = static_cast<std::byte*>(block) + front;
  const Header header{static_cast<std::uint32_t>(front), library_of(caller), size};
  std::memcpy(memory - sizeof header, &header, sizeof header);
  libraries[header.library].bytes.fetch_add(static_cast<long>(size), std::memory_order_relaxed);
  return memory;
}

Header header_of(void* memory) {
  Header header;
  std::memcpy(&header, static_cast<std::byte*>(memory) - sizeof header, sizeof header);
  return header;
}

void* allocate(std::size_t size, const void* caller) {
  return take(__libc_malloc(size + sizeof(Header)), sizeof(Header), size, caller);
}

void* allocate_aligned(std::size_t alignment, std::size_t size, const void* caller) {
  const std::size_t front = alignment < sizeof(Header) ? sizeof(Header) : alignment;
  return take(__libc_memalign(front, size + front), front, size, caller);
}

}  // namespace

extern "C" {

[[gnu::visibility("default")]] void drumline_heap_by_library(void (*tell)(void*, const char*, long),
                                                             void* context) {
  for (std::size_t i = 0; i < kLibraries; ++i) {
    const long bytes = libraries[i].bytes.load();
    if (bytes != 0) tell(context, i == 0 ? "unknown" : libraries[i].name.data(), bytes);
  }
}

void* malloc(std::size_t size) noexcept {
  return allocate(size, __builtin_return_address(0));
}

void free(void* memory) noexcept {
  if (memory == nullptr) return;
  const Header header = header_of(memory);
  libraries[header.library].bytes.fetch_sub(static_cast<long>(header.size), std::memory_order_relaxed);
  __libc_free(static_cast<std::byte*>(memory) - header.back);
}

void* calloc(std::size_t count, std::size_t size) noexcept {
  std::size_t all = 0;
  if (__builtin_mul_overflow(count, size, &all)) return nullptr;
  void* const memory = allocate(all, __builtin_return_address(0));
  if (memory != nullptr) std::memset(memory, 0, all);
  return memory;
}

void* realloc(void* old, std::size_t size) noexcept {
  void* const memory = allocate(size, __builtin_return_address(0));
  if (old == nullptr || memory == nullptr) return memory;
  const std::size_t before = header_of(old).size;
  std::memcpy(memory, old, before < size ? before : size);
  free(old);
  return memory;
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
  return allocate_aligned(alignment, size, __builtin_return_address(0));
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  return allocate_aligned(alignment, size, __builtin_return_address(0));
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
  *memory = allocate_aligned(alignment, size, __builtin_return_address(0));
  return *memory == nullptr ? ENOMEM : 0;
}
std::size_t malloc_usable_size(void* memory) noexcept {
  return memory == nullptr ? 0 : header_of(memory).size;
}

}  // extern "C"
