#include "trouble/trouble.hpp"

#include <charconv>
#include <cstdint>
#include <ctime>
#include <stdexcept>
#include <string>

#include "base/assert.hpp"
#include "base/bytes.hpp"

namespace drumline::trouble {
namespace {

using namespace world;

struct Ledger {
  u32 sum;
  u32 poisoned_at;  ///< tick; 0: not
  u32 ruined_at;    ///< tick; 0: not
  u32 over;
  u32 leak;  ///< rows a tick
  u32 slow_ms;
  static constexpr auto kFields =
      fields(field("sum", &Ledger::sum), field("poisoned_at", &Ledger::poisoned_at),
             field("ruined_at", &Ledger::ruined_at), field("over", &Ledger::over),
             field("leak", &Ledger::leak), field("slow_ms", &Ledger::slow_ms));
};

struct Figure {
  Fixed x, y;
  u32 seat;
  static constexpr auto kFields =
      fields(field("x", &Figure::x, {.bits = 16, .shift = 11, .role = FieldRole::position_x}),
             field("y", &Figure::y, {.bits = 16, .shift = 11, .role = FieldRole::position_y}),
             field("seat", &Figure::seat));
};

/// What rules put there and forget.
struct Litter {
  u32 tick;
  static constexpr auto kFields = fields(field("tick", &Litter::tick));
};
constexpr u32 kLitterRows = 4096;

constexpr Refusal kRefusedNothing{kFirstGameRefusal};

/// In a loop without end.
void go_round() {
#if defined(__SANITIZE_THREAD__)
  // ThreadSanitizer holds signals back until the next call into the C library.
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
#endif
}

void sleep_ms(u32 ms) {
  const timespec time{ms / 1000, static_cast<long>(ms % 1000) * 1'000'000};
  ::nanosleep(&time, nullptr);
}

/// "word N" or "word".
struct Words {
  std::string_view word;
  u32 number = 0;
};
Words parse(Bytes message) {
  const std::string_view text = as_text(message);
  Words words{text.substr(0, text.find(' ')), 0};
  if (words.word.size() < text.size()) {
    const std::string_view digits = text.substr(words.word.size() + 1);
    std::from_chars(digits.data(), digits.data() + digits.size(), words.number);
  }
  return words;
}

/// As a stray pointer does.
void crash() {
  volatile std::uintptr_t nowhere = 16;
  *reinterpret_cast<volatile u32*>(nowhere) = 1;
}

class TroubleRules final : public Rules {
 public:
  explicit TroubleRules(const BattleSettings& settings)
      : world_(settings.seed),
        ledgers_(world_.add_table<Ledger>("ledger", 1)),
        figures_(world_.add_table<Figure>("figure", settings.max_players)),
        litter_(world_.add_table<Litter>("litter", kLitterRows)) {}

  World& world() override { return world_; }
  const World& world() const override { return world_; }
  void on_create() override { ledgers_.create(); }

  Refusal on_join(PlayerSlot player, const Profile&) override {
    const EntityId id = figures_.create();
    if (id.value == 0) return kRefusedNoSeat;
    figures_.at<&Figure::seat>(entity_slot(id)) = player.value;
    return kAccepted;
  }
  void on_drop(PlayerSlot) override {}
  void on_reconnect(PlayerSlot) override {}
  void on_leave(PlayerSlot player) override {
    if (const EntityId id = entity_of(player); id.value != 0) figures_.destroy(entity_slot(id));
  }

  Refusal on_tell(Bytes message) override {
    const Words words = parse(message);
    if (words.word == "add") {
      if (words.number == 0) return kRefusedNothing;
      ledgers_.at<&Ledger::sum>(0) += words.number;
    } else if (words.word == "throw") {
      ledgers_.at<&Ledger::sum>(0) += 1'000'000;  // half-done: nobody may ever see it
      throw std::runtime_error("told to throw");
    } else if (words.word == "assert") {
      DRUM_ASSERT(words.number == 1);
    } else if (words.word == "loop") {
      volatile u32 rounds = 0;
      for (;;) {
        rounds = rounds + 1;
        go_round();
        ledgers_.at<&Ledger::sum>(0) = rounds;
      }
    } else if (words.word == "fill") {
      for (;;) litter(true);
    } else if (words.word == "flood") {
      for (;;) {
        litter(false);
        go_round();
      }
    } else if (words.word == "leak") {
      ledgers_.at<&Ledger::leak>(0) = words.number;
    } else if (words.word == "slow") {
      ledgers_.at<&Ledger::slow_ms>(0) = words.number;
    } else if (words.word == "crash") {
      crash();
    } else if (words.word == "ruin") {
      ledgers_.at<&Ledger::ruined_at>(0) = static_cast<u32>(world_.tick()) + words.number;
    } else if (words.word == "poison") {
      ledgers_.at<&Ledger::poisoned_at>(0) = static_cast<u32>(world_.tick()) + words.number;
    } else if (words.word == "end") {
      ledgers_.at<&Ledger::over>(0) = 1;
    } else {
      return kRefusedUnknownAction;
    }
    return kAccepted;
  }
  bool on_ask(Bytes question, std::vector<std::byte>& answer) const override {
    if (as_text(question) == "throw") throw std::runtime_error("asked to throw");
    if (as_text(question) != "sum" && as_text(question) != "rows") return false;
    const std::string digits =
        std::to_string(as_text(question) == "sum" ? ledgers_.at<&Ledger::sum>(0) : litter_.live_count());
    const Bytes bytes = as_bytes(digits);
    answer.assign(bytes.begin(), bytes.end());
    return true;
  }
  bool finished() const override { return ledgers_.at<&Ledger::over>(0) != 0; }

  Refusal check(PlayerSlot, const Command&) const override { return kAccepted; }
  void apply(PlayerSlot, const Command& command) override {
    if (command.action == Action::skill) crash();
    ledgers_.at<&Ledger::sum>(0) += static_cast<u32>(command.x);
  }
  void step(EventList&) override {
    const u32 poisoned_at = ledgers_.at<&Ledger::poisoned_at>(0);
    if (poisoned_at != 0 && world_.tick() >= poisoned_at) throw std::runtime_error("poisoned");
    for (u32 i = 0; i < ledgers_.at<&Ledger::leak>(0); ++i) litter(true);
    if (const u32 slow_ms = ledgers_.at<&Ledger::slow_ms>(0); slow_ms != 0) sleep_ms(slow_ms);
    const u32 ruined_at = ledgers_.at<&Ledger::ruined_at>(0);
    if (ruined_at != 0 && world_.tick() >= ruined_at) crash();
  }

  EntityId entity_of(PlayerSlot player) const override {
    EntityId found;
    figures_.for_each([&](u32 slot) {
      if (figures_.at<&Figure::seat>(slot) == player.value) found = figures_.id_of(slot);
    });
    return found;
  }
  i64 score_of(PlayerSlot) const override { return ledgers_.at<&Ledger::sum>(0); }
  MapSize map_size() const override { return {Fixed::from_int(10), Fixed::from_int(10)}; }
  Bytes map_description() const override { return {}; }
  std::string_view refusal_name(Refusal refusal) const override {
    return refusal == kRefusedNothing ? "nothing_to_add" : engine_refusal_name(refusal);
  }

 private:
  void litter(bool must_fit) {
    const EntityId row = litter_.create();
    DRUM_ASSERT(!must_fit || row.value != 0);
    litter_.at<&Litter::tick>(entity_slot(row)) = static_cast<u32>(world_.tick());
  }

  World world_;
  Table<Ledger>& ledgers_;
  Table<Figure>& figures_;
  Table<Litter>& litter_;
};

class TroubleGame final : public Game {
 public:
  std::string_view name() const override { return "trouble"; }
  std::span<const std::string_view> event_names() const override { return {}; }
  std::string_view default_rules() const override { return ""; }
  Result<std::unique_ptr<Rules>> create(std::string_view, const BattleSettings& settings) const override {
    return std::unique_ptr<Rules>(std::make_unique<TroubleRules>(settings));
  }
};

}  // namespace

const world::Game& trouble_game() {
  static const TroubleGame game;
  return game;
}

}  // namespace drumline::trouble
