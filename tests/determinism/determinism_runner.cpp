// Plays scripted battles of one game, in turn or on two threads, and prints their
// state hashes. The same lines must come from every compiler, optimisation level,
// processor and number of threads.
//
//   determinism_runner GAME [ticks=N] [every=K] [battles=N] [threads=1|2] [record=FILE]
//   determinism_runner simulation-id
//
// A line is: battle, tick, state hash, inputs accepted and events until then; for
// every K-th tick and the last. Battles 0 and 1 have one seed, and must agree though
// their memory lies elsewhere: what does not comes from an address or from hidden
// state. A battle that is over is followed by a new one in the same place. record
// writes what battle 0 was offered, or "-" prints that instead of the lines: journal
// payloads (docs/formats/journal.md), each after its length as u32; an empty one
// stands before each battle_created.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "battle/build_info.hpp"
#include "battle/journal_records.hpp"
#include "script.hpp"
#include "simulation_games.hpp"

namespace {

using namespace drumline;
using determinism::ScriptedBattle;

constexpr u64 kSeed = 20'240'601;

struct Options {
  u64 ticks = 2'000;
  u64 every = 1;
  u64 battles = 3;
  u64 threads = 1;
  std::string record;
};

struct Line {
  u64 tick, hash, accepted, events;
  friend bool operator==(const Line&, const Line&) = default;
};

/// One battle and what it will print.
struct Run {
  std::unique_ptr<ScriptedBattle> battle;
  std::vector<Line> lines;
};

class Recorder {
 public:
  explicit Recorder(const std::string& path)
      : file_(path.empty()  ? nullptr
              : path == "-" ? stdout
                            : std::fopen(path.c_str(), "wb")) {}
  ~Recorder() {
    if (file_ != nullptr) std::fclose(file_);
  }
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  void begin(const battle::Battle& battle) {
    if (file_ == nullptr) return;
    write({});
    write(battle::encode_created({battle.info(), battle.state_hash()}));
    payload_.resize(battle::max_tick_bytes(battle.limits().inputs));
  }
  void add(const ScriptedBattle& battle) {
    if (file_ == nullptr) return;
    ByteWriter out(payload_);
    battle::encode_tick(battle.battle().state_hash(), 0, battle.offered(), out);
    DRUM_ASSERT(out.ok());
    write(out.written());
  }

 private:
  void write(Bytes payload) {
    const u32 size = static_cast<u32>(payload.size());
    DRUM_ASSERT(std::fwrite(&size, sizeof size, 1, file_) == 1);
    DRUM_ASSERT(std::fwrite(payload.data(), 1, size, file_) == size);
  }

  std::FILE* file_;
  std::vector<std::byte> payload_;
};

bool read_options(int argc, char** argv, Options& options) {
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos) return false;
    const std::string name = word.substr(0, equals);
    const std::string value = word.substr(equals + 1);
    if (name == "record") {
      options.record = value;
      continue;
    }
    u64* const number = name == "ticks"     ? &options.ticks
                        : name == "every"   ? &options.every
                        : name == "battles" ? &options.battles
                        : name == "threads" ? &options.threads
                                            : nullptr;
    if (number == nullptr) return false;
    *number = std::strtoull(value.c_str(), nullptr, 10);
    if (*number == 0) return false;
  }
  return true;
}

const world::Game* find_game(std::string_view name) {
  for (const world::Game* game : simulation_games()) {
    if (game->name() == name) return game;
  }
  return nullptr;
}

/// Plays every `stride`-th battle from `first` on, a tick each in turn.
void play(std::vector<Run>& runs, std::size_t first, std::size_t stride, const Options& options,
          Recorder* recorder) {
  if (recorder != nullptr) recorder->begin(runs[first].battle->battle());
  for (u64 tick = 1; tick <= options.ticks; ++tick) {
    for (std::size_t i = first; i < runs.size(); i += stride) {
      ScriptedBattle& battle = *runs[i].battle;
      Recorder* const record = i == 0 ? recorder : nullptr;
      if (battle.renew() && record != nullptr) record->begin(battle.battle());
      battle.step();
      if (record != nullptr) record->add(battle);
      if (tick % options.every != 0 && tick != options.ticks) continue;
      runs[i].lines.push_back({tick, battle.battle().state_hash(), battle.accepted(), battle.events()});
    }
  }
}

int print(const std::vector<Run>& runs) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    for (const Line& line : runs[i].lines) {
      std::printf("%zu %" PRIu64 " %016" PRIx64 " %" PRIu64 " %" PRIu64 "\n", i, line.tick, line.hash,
                  line.accepted, line.events);
    }
  }
  if (runs.size() < 2) return 0;
  for (std::size_t i = 0; i < runs[0].lines.size(); ++i) {
    if (runs[0].lines[i] == runs[1].lines[i]) continue;
    std::fprintf(stderr,
                 "determinism_runner: two battles of one seed differ at tick %" PRIu64
                 ": the step depends on an address or on state outside of the world\n",
                 runs[0].lines[i].tick);
    return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "simulation-id") == 0) {
    std::puts(battle::simulation_id());
    return 0;
  }
  Options options;
  const world::Game* game = argc > 1 ? find_game(argv[1]) : nullptr;
  if (game == nullptr || !read_options(argc, argv, options) || options.threads > 2) {
    std::fprintf(stderr,
                 "determinism_runner GAME [ticks=N] [every=K] [battles=N] [threads=1|2] [record=FILE]\n");
    return 2;
  }
  std::vector<Run> runs;
  for (u64 i = 0; i < options.battles; ++i) {
    auto made = ScriptedBattle::create(*game, i < 2 ? kSeed : kSeed + i);
    if (!made) {
      std::fprintf(stderr, "determinism_runner: %s\n", made.error().message.c_str());
      return 2;
    }
    runs.push_back({std::move(made).value(), {}});
  }
  {
    Recorder recorder(options.record);
    std::thread second;
    if (options.threads == 2 && runs.size() > 1)
      second = std::thread([&] { play(runs, 1, 2, options, nullptr); });
    play(runs, 0, options.threads, options, &recorder);
    if (second.joinable()) second.join();
  }
  return options.record == "-" ? 0 : print(runs);
}
