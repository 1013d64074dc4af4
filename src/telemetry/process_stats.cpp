#include "telemetry/process_stats.hpp"

#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

namespace drumline::telemetry {
namespace {

Error unreadable(const char* what) {
  return {ErrorCode::unavailable, std::string("/proc/") + what + " cannot be read; is /proc mounted?"};
}

u64 count_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), ::closedir);
  if (!folder) return 0;
  u64 count = 0;
  while (const dirent* entry = ::readdir(folder.get())) count += entry->d_name[0] != '.';
  return count > 0 ? count - 1 : 0;  // the folder's own
}

/// Seconds since 1970 at which the machine started; 0 when unknown.
double boot_time_s() {
  std::ifstream in("/proc/stat");
  for (std::string word; in >> word;) {
    double value = 0;
    if (word == "btime" && in >> value) return value;
  }
  return 0;
}

}  // namespace

Result<ProcessStats> read_process_stats() {
  std::ifstream in("/proc/self/stat");
  std::string line;
  if (!std::getline(in, line)) return unreadable("self/stat");
  // The second field is the program's name in brackets and may hold anything.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return unreadable("self/stat");
  std::istringstream fields(line.substr(name_end + 1));
  const auto ticks_per_second = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const auto page_bytes = static_cast<u64>(::sysconf(_SC_PAGESIZE));

  ProcessStats stats;
  std::string text;
  for (int field = 3; field <= 24 && fields >> text; ++field) {
    if (field == 3) continue;  // the state, a letter
    const double value = std::strtod(text.c_str(), nullptr);
    switch (field) {
      case 14:
        stats.user_cpu_s = value / ticks_per_second;
        break;
      case 15:
        stats.system_cpu_s = value / ticks_per_second;
        break;
      case 20:
        stats.threads = static_cast<u64>(value);
        break;
      case 22:
        stats.started_s = boot_time_s() + value / ticks_per_second;
        break;
      case 23:
        stats.virtual_bytes = static_cast<u64>(value);
        break;
      case 24:
        stats.resident_bytes = static_cast<u64>(value) * page_bytes;
        break;
      default:
        break;
    }
  }
  if (!fields) return unreadable("self/stat");
  stats.descriptors = count_descriptors();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    stats.max_descriptors = limit.rlim_cur;
  }
  return stats;
}

void collect_process_stats(MetricSink& sink) {
  const auto read = read_process_stats();
  if (!read) return;
  const auto number = [](u64 value) { return static_cast<double>(value); };
  sink.counter("process_cpu_seconds_total", "User and system CPU time spent.",
               read->user_cpu_s + read->system_cpu_s);
  sink.gauge("process_resident_memory_bytes", "Resident memory.", number(read->resident_bytes));
  sink.gauge("process_virtual_memory_bytes", "Virtual memory.", number(read->virtual_bytes));
  sink.gauge("process_threads", "Threads.", number(read->threads));
  sink.gauge("process_open_fds", "Open file descriptors.", number(read->descriptors));
  if (read->max_descriptors > 0) {
    sink.gauge("process_max_fds", "Most file descriptors that may be open.", number(read->max_descriptors));
  }
  sink.gauge("process_start_time_seconds", "Start of the process, seconds since 1970.", read->started_s);
}

}  // namespace drumline::telemetry
