#include "bots/player.hpp"

#include <array>

namespace drumline::bots {
namespace {

constexpr std::array<std::string_view, 32> kNames = {
    "Ada",  "Bela", "Caro", "Dirk", "Edda", "Finn", "Gesa", "Hugo", "Iris", "Jost", "Kaya",
    "Lars", "Mina", "Nils", "Olga", "Piet", "Quin", "Rika", "Sven", "Tove", "Udo",  "Vera",
    "Wim",  "Xeni", "Yara", "Zeno", "Anke", "Bodo", "Cleo", "Dora", "Emil", "Frida"};

}  // namespace

std::string bot_name(u32 number) {
  std::string name(kNames[number % kNames.size()]);
  const u32 round = number / static_cast<u32>(kNames.size());
  return round == 0 ? name : name + " " + std::to_string(round + 1);
}

Player::Player(Locker& locker, const PlayerOptions& options)
    : locker_(locker),
      decision_ticks_(options.decision_ticks),
      next_decision_(options.phase),
      only_watches_(options.only_watches) {}

i64 Player::longest_gap_ns(TimeNs now) const {
  return last_frame_at_ == 0 ? longest_gap_ns_ : std::max(longest_gap_ns_, now - last_frame_at_);
}

void Player::on_drop(client::Client&, transport::CloseCode, std::string_view) {
  end_of_frames();
}

void Player::on_battle_over(client::Client&, const wire::BattleOver&) {
  end_of_frames();
}

void Player::end_of_frames() {
  if (only_watches_) longest_gap_ns_ = longest_gap_ns(locker_.clock->now());
  last_frame_at_ = 0;
}

void Player::on_welcome(client::Client&, const wire::Welcome& welcome) {
  if (!ever_seated_) {
    ever_seated_ = true;
    ++locker_.ever_seated;
  }
  if (only_watches_) last_frame_at_ = locker_.clock->now();
  next_decision_ = welcome.tick + next_decision_ % decision_ticks_;
  if (!welcome.resumed) begin();
  learn(welcome);
}

void Player::on_frame(client::Client& client) {
  if (only_watches_) {
    const TimeNs now = locker_.clock->now();
    longest_gap_ns_ = longest_gap_ns(now);
    last_frame_at_ = now;
  }
  see(client);
  if (client.tick() < next_decision_) return;
  // Keeps its place among the others also after a gap.
  next_decision_ += decision_ticks_ * ((client.tick() - next_decision_) / decision_ticks_ + 1);
  take_turn(client);
}

void Player::send(client::Client& client, const world::Command& decided) {
  const TimeNs now = locker_.clock->now();
  world::Command command = decided;
  command.sequence = client.next_sequence();
  client.send(timed(command, client.battle_time().at(now)),
              static_cast<u64>(locker_.clock->wall_now() / kMillisecondNs), now);
}

void Player::on_refused(client::Client&, const wire::Refused& refused) {
  if (refused.cmd_id == 0) return;
  forget(refused.cmd_id);
  // The server's words, but not any number of them.
  constexpr std::size_t kMostReasons = 64;
  const std::string key = refused.reason.empty() ? "code " + std::to_string(refused.code) : refused.reason;
  if (locker_.refused.size() < kMostReasons || locker_.refused.contains(key)) ++locker_.refused[key];
}

}  // namespace drumline::bots
