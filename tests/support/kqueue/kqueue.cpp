// kqueue over poll(2), level-triggered: a descriptor that is closed goes by itself; how many bytes there
// are is in an event's data, and EV_EOF says that the other end is gone.
#include <cerrno>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/event.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

struct Knote {
  void* udata = nullptr;
  dev_t device = 0;  // which file it is, as the number may be another's by now
  ino_t node = 0;
};

using Key = std::pair<uintptr_t, int16_t>;

struct Queue {
  std::map<Key, Knote> notes;
};

std::mutex mutex;
std::map<int, std::shared_ptr<Queue>> queues;

int change(Queue& queue, const struct kevent& change) {
  const int known = EV_ADD | EV_DELETE | EV_RECEIPT;
  const bool both = (change.flags & (EV_ADD | EV_DELETE)) == (EV_ADD | EV_DELETE);
  if ((change.flags & ~known) != 0 || both) return EINVAL;
  if (change.filter != EVFILT_READ && change.filter != EVFILT_WRITE) return EINVAL;
  struct stat file {};
  if (::fstat(static_cast<int>(change.ident), &file) != 0) return EBADF;
  const Key key{change.ident, change.filter};
  const auto found = queue.notes.find(key);
  const bool there =
      found != queue.notes.end() && found->second.device == file.st_dev && found->second.node == file.st_ino;
  if ((change.flags & EV_ADD) == 0 && !there) return ENOENT;
  if ((change.flags & EV_DELETE) != 0) {
    queue.notes.erase(key);
    return 0;
  }
  queue.notes[key] = {change.udata, file.st_dev, file.st_ino};
  return 0;
}

short asked_of(const Key& key) {
  return static_cast<short>(key.second == EVFILT_READ ? POLLIN | POLLRDHUP : POLLOUT);
}

/// Takes up to `room` events that are there now.
int take(Queue& queue, struct kevent* events, int room) {
  int taken = 0;
  for (auto next = queue.notes.begin(); next != queue.notes.end() && taken < room;) {
    const auto note = next++;
    const int descriptor = static_cast<int>(note->first.first);
    struct stat file {};
    const bool closed = ::fstat(descriptor, &file) != 0 || file.st_dev != note->second.device ||
                        file.st_ino != note->second.node;
    if (closed) {
      queue.notes.erase(note);
      continue;
    }
    pollfd one{descriptor, asked_of(note->first), 0};
    if (::poll(&one, 1, 0) <= 0) continue;
    int bytes = 0;
    ::ioctl(descriptor, note->first.second == EVFILT_READ ? FIONREAD : TIOCOUTQ, &bytes);
    const bool gone = (one.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
    events[taken++] = {
        note->first.first, note->first.second, static_cast<uint16_t>(gone ? EV_EOF : 0), 0, bytes,
        note->second.udata};
  }
  return taken;
}

}  // namespace

extern "C" int kqueue(void) {
  const int descriptor = ::eventfd(0, EFD_CLOEXEC);
  const std::lock_guard lock(mutex);
  if (descriptor >= 0) queues[descriptor] = std::make_shared<Queue>();
  return descriptor;
}

extern "C" int kevent(int number, const struct kevent* changes, int change_count, struct kevent* events,
                      int event_count, const struct timespec* timeout) {
  std::shared_ptr<Queue> queue;
  {
    const std::lock_guard lock(mutex);
    const auto found = queues.find(number);
    if (found == queues.end()) {
      errno = EBADF;
      return -1;
    }
    queue = found->second;
  }
  int used = 0;
  for (int i = 0; i < change_count; ++i) {
    const int failed = change(*queue, changes[i]);
    if (failed == 0 && (changes[i].flags & EV_RECEIPT) == 0) continue;
    if (used == event_count) {
      errno = failed;
      return -1;
    }
    events[used] = changes[i];
    events[used].flags = EV_ERROR;
    events[used++].data = failed;
  }
  if (used > 0 || event_count == 0) return used;

  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto ns = [](const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; };
  const int64_t end = timeout == nullptr ? INT64_MAX : ns(now) + ns(*timeout);
  while (true) {
    if (const int taken = take(*queue, events, event_count); taken > 0) return taken;
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    const int64_t left = end - ns(now);
    if (left <= 0) return 0;
    std::vector<pollfd> waits;
    for (const auto& [key, note] : queue->notes)
      waits.push_back({static_cast<int>(key.first), asked_of(key), 0});
    const timespec rest{left / 1'000'000'000, left % 1'000'000'000};
    if (::ppoll(waits.data(), waits.size(), timeout == nullptr ? nullptr : &rest, nullptr) < 0) return -1;
  }
}
