#include "bots/squad.hpp"

#include <algorithm>
#include <cmath>

#include <time.h>

#include "env/thread.hpp"

namespace drumline::bots {
namespace {

constexpr i64 kPublishNs = 100 * kMillisecondNs;
// Rounds begin at least so far apart: a round then takes and sends many packets
// with one system call, for which no bot's frame waits longer than this.
constexpr i64 kRoundNs = 2 * kMillisecondNs;
constexpr i64 kFarewellNs = 500 * kMillisecondNs;
// A spectator without a frame for so long was not served.
constexpr i64 kStarvedNs = 3 * kSecondNs;

double thread_cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

Result<std::unique_ptr<Squad>> Squad::create(const BotsOptions& options,
                                             const client::ClientGroupOptions& group, u32 first, u32 count) {
  std::unique_ptr<Squad> squad(new Squad);
  auto made = client::ClientGroup::create(group, *squad->network_, squad->random_, squad->clock_);
  if (!made) return std::move(made).error();
  squad->group_ = std::move(*made);
  squad->locker_.clock = &squad->clock_;
  squad->locker_.sights.start(options.sight_every, kMostSights / options.threads);
  squad->cast_ = cast_for(options.game);
  DRUM_ASSERT(squad->cast_ != nullptr);

  const double ticks_per_s = static_cast<double>(kSecondNs) / static_cast<double>(kTickNs);
  const Tick decision_ticks = static_cast<Tick>(std::max(1.0, std::round(ticks_per_s / options.send_hz)));
  for (u32 number = first; number < first + count; ++number) {
    client::ClientOptions client;
    client.name = bot_name(number);
    client.game = options.game;
    if (options.spectators) client.seat = wire::SeatKind::spectator;
    if (options.battles > 0) client.battle = BattleId{1 + number % options.battles};
    client.give_up_after_ns = static_cast<i64>(options.give_up_seconds * 1e9);
    client.decoder.events = false;
    client.bodies = &squad->bodies_;
    client.interarrival_ns = &squad->interarrival_ns_;
    const PlayerOptions player{options.seed + number, decision_ticks, Tick{number}, options.spectators};
    squad->players_.push_back(squad->cast_->make(squad->locker_, player));
    squad->group_->add(client, *squad->players_.back());
  }
  return squad;
}

Squad::~Squad() {
  stop(false);
}

void Squad::start() {
  thread_ = std::thread([this] { run(); });
}

void Squad::stop(bool expected) {
  if (!thread_.joinable()) return;
  expected_end_.store(expected);
  stop_wanted_.store(true);
  thread_.join();
}

void Squad::run() {
  env::set_thread_name("bots");
  begin_figures();
  group_->start();
  TimeNs publish_at = 0;
  while (!stop_wanted_.load(std::memory_order_relaxed)) {
    if (restart_wanted_.exchange(false)) begin_figures();
    const TimeNs round_began = clock_.now();
    group_->poll();
    rounds_.add();
    const TimeNs now = clock_.now();
    if (now >= publish_at) {
      publish_at = now + kPublishNs;
      publish();
    }
    env::sleep_until(round_began + kRoundNs);
    group_->wait(now + kPublishNs);
  }
  gather(expected_end_.load());
  group_->leave_all();
  const TimeNs until = clock_.now() + kFarewellNs;
  while (clock_.now() < until && group_->connections() > 0) {
    group_->poll();
    group_->wait(until);
  }
}

void Squad::begin_figures() {
  before_ = sum();
  bodies_before_ = bodies_.counters();
  cpu_before_s_ = thread_cpu_seconds();
  rounds_before_ = rounds_.value();
  interarrival_ns_.reset();
  locker_.frames_sampled = locker_.entities_fresh = locker_.entities_known = 0;
  locker_.places_predicted = locker_.places_corrected = 0;
  locker_.refused.clear();
}

client::ClientStatistics Squad::sum() const {
  client::ClientStatistics all;
  for (std::size_t i = 0; i < group_->size(); ++i) all.add(group_->client(i).statistics());
  return all;
}

void Squad::publish() {
  const client::ClientStatistics all = sum();
  u64 seated = 0;
  u64 closed = 0;
  for (std::size_t i = 0; i < group_->size(); ++i) {
    if (group_->client(i).playing()) ++seated;
    if (group_->client(i).closed()) ++closed;
  }
  frames_.set(all.frames);
  frames_due_.set(all.frames_due);
  losses_.set(all.session_losses);
  seated_.set(seated);
  closed_.set(closed);
  ever_seated_.set(locker_.ever_seated);
}

void Squad::gather(bool expected) {
  const TimeNs now = clock_.now();
  gathered_.received = sum();
  gathered_.received.subtract(before_);
  gathered_.bodies = bodies_.counters();
  gathered_.bodies.subtract(bodies_before_);
  gathered_.sights = locker_.sights.sights();
  gathered_.interarrival_ns = interarrival_ns_;
  gathered_.frames_sampled = locker_.frames_sampled;
  gathered_.entities_fresh = locker_.entities_fresh;
  gathered_.entities_known = locker_.entities_known;
  gathered_.places_predicted = locker_.places_predicted;
  gathered_.places_corrected = locker_.places_corrected;
  gathered_.cpu_seconds = thread_cpu_seconds() - cpu_before_s_;
  gathered_.rounds = rounds_.value() - rounds_before_;
  gathered_.refused = locker_.refused;
  for (std::size_t i = 0; i < group_->size(); ++i) {
    const client::Client& client = group_->client(i);
    if (players_[i]->longest_gap_ns(now) > kStarvedNs) ++gathered_.starved;
    const bool gone = client.lost() || (expected && !client.welcomed());
    if (!gone) continue;
    ++(players_[i]->ever_seated() ? gathered_.lost_for_good : gathered_.never_seated);
    ++gathered_.losses[client.last_error().empty() ? "no answer yet" : client.last_error()];
  }
}

void Squad::add_to(BotsReport& report) const {
  report.received.add(gathered_.received);
  report.bodies.add(gathered_.bodies);
  report.sights.insert(report.sights.end(), gathered_.sights.begin(), gathered_.sights.end());
  report.interarrival_ns.merge(gathered_.interarrival_ns);
  report.frames_sampled += gathered_.frames_sampled;
  report.entities_fresh += gathered_.entities_fresh;
  report.entities_known += gathered_.entities_known;
  report.places_predicted += gathered_.places_predicted;
  report.places_corrected += gathered_.places_corrected;
  report.cpu_seconds += gathered_.cpu_seconds;
  report.rounds += gathered_.rounds;
  report.never_seated += gathered_.never_seated;
  report.starved += gathered_.starved;
  report.lost_for_good += gathered_.lost_for_good;
  for (const auto& [reason, n] : gathered_.refused) report.refused[reason] += n;
  for (const auto& [reason, n] : gathered_.losses) report.losses[reason] += n;
}

}  // namespace drumline::bots
