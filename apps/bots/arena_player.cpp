#include "bots/arena_player.hpp"

#include <array>

namespace drumline::bots {
namespace {

constexpr std::array<std::string_view, 32> kNames = {
    "Ada",  "Bela", "Caro", "Dirk", "Edda", "Finn", "Gesa", "Hugo", "Iris", "Jost", "Kaya",
    "Lars", "Mina", "Nils", "Olga", "Piet", "Quin", "Rika", "Sven", "Tove", "Udo",  "Vera",
    "Wim",  "Xeni", "Yara", "Zeno", "Anke", "Bodo", "Cleo", "Dora", "Emil", "Frida"};

// A decision takes what is nearest into account, and not all that is in sight.
constexpr std::size_t kLooksAt = 48;
// Of the looks of all bots; prime, so that every bot has its turn.
constexpr u64 kCountEvery = 61;

}  // namespace

std::string bot_name(u32 number) {
  std::string name(kNames[number % kNames.size()]);
  const u32 round = number / static_cast<u32>(kNames.size());
  return round == 0 ? name : name + " " + std::to_string(round + 1);
}

ArenaPlayer::ArenaPlayer(Locker& locker, u64 seed, Tick decision_ticks, Tick phase, bool only_watches)
    : locker_(locker),
      bot_(seed),
      decision_ticks_(decision_ticks),
      next_decision_(phase),
      only_watches_(only_watches) {}

i64 ArenaPlayer::longest_gap_ns(TimeNs now) const {
  return last_frame_at_ == 0 ? longest_gap_ns_ : std::max(longest_gap_ns_, now - last_frame_at_);
}

void ArenaPlayer::on_drop(client::Client&, transport::CloseCode, std::string_view) {
  if (only_watches_) longest_gap_ns_ = longest_gap_ns(locker_.clock->now());
  last_frame_at_ = 0;
}

void ArenaPlayer::on_welcome(client::Client&, const wire::Welcome& welcome) {
  if (!ever_seated_) {
    ever_seated_ = true;
    ++locker_.ever_seated;
    locker_.last_seated_at = locker_.clock->now();
  }
  if (only_watches_) last_frame_at_ = locker_.clock->now();
  next_decision_ = welcome.tick + next_decision_ % decision_ticks_;
  auto& shared = locker_.maps[welcome.map_description];
  if (!shared) {
    // A bot that cannot read the map plays without it.
    if (auto map = arena::decode_map_description(welcome.map_description)) {
      shared = std::make_shared<const arena::MapDescription>(std::move(*map));
    }
  }
  map_ = shared;
}

void ArenaPlayer::on_frame(client::Client& client) {
  if (only_watches_) {
    const TimeNs now = locker_.clock->now();
    longest_gap_ns_ = longest_gap_ns(now);
    last_frame_at_ = now;
  }
  if (client.tick() < next_decision_) return;
  // Keeps its place among the others also after a gap.
  next_decision_ += decision_ticks_ * ((client.tick() - next_decision_) / decision_ticks_ + 1);
  look(client);
  if (only_watches_) return;
  const wire::Welcome& welcome = client.welcome();
  arena::BotView view;
  view.tick = client.tick();
  view.self = client.entity();
  view.entities = locker_.seen;
  view.map = map_.get();
  view.map_size = {world::Fixed::from_raw(welcome.map_width), world::Fixed::from_raw(welcome.map_height)};
  if (const auto command = bot_.decide(view)) {
    const TimeNs now = locker_.clock->now();
    client.send(*command, static_cast<u64>(locker_.clock->wall_now() / kMillisecondNs), now);
  }
}

void ArenaPlayer::look(client::Client& client) {
  broadcast::StateDecoder& world = client.world();
  const EntityId self = client.entity();
  bool sees_self = false;
  u64 fresh = 0;
  const auto see = [&](const broadcast::StateDecoder::Entity& entity) {
    arena::SeenEntity& seen = locker_.seen.emplace_back();
    seen.id = entity.id();
    const std::size_t fields = std::min(entity.table().fields.size(), seen.values.size());
    for (std::size_t f = 0; f < fields; ++f) seen.values[f] = entity.value(f);
    if (entity.tick() == world.tick()) ++fresh;
    if (seen.id == self) sees_self = true;
  };
  locker_.seen.clear();
  const bool counts = ++locker_.looks % kCountEvery == 0;
  if (!counts) world.for_each_told(kLooksAt, see);
  if (sees_self) return;
  // The whole of what is known: to count it, or because the newest datagram did
  // not tell of the bot itself.
  locker_.seen.clear();
  fresh = 0;
  world.for_each(see);
  if (!counts) return;
  ++locker_.frames_sampled;
  locker_.entities_fresh += fresh;
  locker_.entities_known += locker_.seen.size();
}

void ArenaPlayer::on_refused(client::Client&, const wire::Refused& refused) {
  if (refused.cmd_id == 0) return;
  // The server's words, but not any number of them.
  constexpr std::size_t kMostReasons = 64;
  const std::string key = refused.reason.empty() ? "code " + std::to_string(refused.code) : refused.reason;
  if (locker_.refused.size() < kMostReasons || locker_.refused.contains(key)) ++locker_.refused[key];
}

}  // namespace drumline::bots
