// Frame sync over real QUIC: two clients that predict themselves and show each other.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <optional>

#include <gtest/gtest.h>

#include "arena/own_movement.hpp"
#include "arena_view/arena_view.hpp"
#include "client/client_group.hpp"
#include "lockstep/input_delay.hpp"
#include "lockstep/tick_clock.hpp"
#include "prediction/interpolator.hpp"
#include "prediction/playback_clock.hpp"
#include "prediction/predictor.hpp"
#include "support/live_server.hpp"
#include "support/temporary_folder.hpp"
#include "transport/credentials/development_pki.hpp"
#include "world/rng.hpp"

namespace drumline {
namespace {

using arena::OwnMovement;
using testing::start_server;
using testing::TemporaryFolder;
using world::Fixed;
using world::Vector;

/// A whole client: walks and dashes about, predicts itself, shows the other.
class Player final : public client::ClientListener {
 public:
  Player(const env::Clock& clock, u64 seed) : clock_(clock), rng_(seed) {}

  void on_welcome(client::Client&, const wire::Welcome& welcome) override {
    EXPECT_EQ(welcome.model, world::SyncModel::frame_sync);
    EXPECT_EQ(welcome.send_period_ticks, 3) << "20 Hz";
    const auto map = arena::decode_map_description(welcome.map_description);
    ASSERT_TRUE(map.ok());
    model_.emplace(OwnMovement::make("", *map, Fixed::from_raw(welcome.map_width)).value());
    predictor.emplace(*model_);
    // Of another battle, with ticks of its own.
    predicted_.clear();
    others = prediction::Interpolator();
    playback = prediction::PlaybackClock();
    ticks_ = lockstep::TickClock();
    shown_ns_ = 0;
    ++battles;
  }

  void on_frame(client::Client& client) override {
    const TimeNs now = clock_.now();
    broadcast::StateDecoder& world = client.world();
    const Tick tick = world.tick();
    ticks_.note(tick, now);
    playback.note(tick, now);
    world.for_each([&](const broadcast::StateDecoder::Entity& entity) {
      if (entity.table().index != arena::kPlayerTable || entity.tick() != tick) return;
      if (entity.id() == client.entity()) {
        see_myself(entity, world.last_sequence(), now);
      } else {
        others.add(entity.id(), tick,
                   {Fixed::from_raw(entity.world_value(arena::kPlayerX)),
                    Fixed::from_raw(entity.world_value(arena::kPlayerY))});
        other = entity.id();
      }
    });
  }
  void on_refused(client::Client&, const wire::Refused& refused) override {
    if (predictor) predictor->forget(refused.cmd_id);
  }

  void play(client::Client& client) {
    if (!client.playing() || !predictor || !predictor->running()) return;
    const TimeNs now = clock_.now();
    if (client.statistics().round_trip_ns != round_trip_ns_) {
      round_trip_ns_ = client.statistics().round_trip_ns;
      delay_.on_round_trip(round_trip_ns_, now);
    }
    const TimeNs shown_ns = playback.advance(now);
    EXPECT_GE(shown_ns, shown_ns_) << "never back";
    shown_ns_ = shown_ns;
    const Tick tick = ticks_.tick_at(now) + delay_.ticks();
    if (now >= act_at_) {
      act_at_ = now + static_cast<i64>(80 + rng_.below(u64{200})) * kMillisecondNs;
      world::Command command;
      command.sequence = client.next_sequence();
      command.entity = client.entity();
      command.action = rng_.below(u64{5}) == 0 ? world::Action::skill : world::Action::move;
      command.skill = arena::kSkillDash;
      command.x = (static_cast<i32>(rng_.below(u64{3})) - 1) * 23'000;
      command.y = (static_cast<i32>(rng_.below(u64{3})) - 1) * 23'000;
      const Tick apply_tick = predictor->apply_tick(tick);
      command.apply_tick = static_cast<u32>(apply_tick);
      command.view_tick = static_cast<u32>(playback.view_tick());
      EXPECT_EQ(client.send(command, 1, now), command.sequence);
      predictor->issue(command, apply_tick);
      ++commands;
    }
    while (predictor->tick() < tick) {
      const Tick before = predictor->tick();
      predictor->predict_to(before + 1);
      if (predictor->tick() == before) break;
      predicted_[predictor->tick()] = predictor->place();
    }
  }

  std::optional<prediction::Predictor<OwnMovement>> predictor;
  prediction::Interpolator others;
  prediction::PlaybackClock playback;
  EntityId other;
  u64 commands = 0;
  u32 battles = 0;
  u64 compared = 0;
  u64 equal = 0;  ///< of those, where the server said later what was predicted, to 1/32 unit

 private:
  void see_myself(const broadcast::StateDecoder::Entity& entity, u32 last_sequence, TimeNs now) {
    const OwnMovement::Sighting seen{entity.value(arena::kPlayerX), entity.value(arena::kPlayerY),
                                     static_cast<u8>(entity.value(arena::kPlayerFlags))};
    if (const auto guess = predicted_.find(entity.tick()); guess != predicted_.end()) {
      const auto off = [](Fixed is, i64 sent) {
        return std::abs((is.raw >> arena::kSentPositionShift) - sent);
      };
      ++compared;
      equal += off(guess->second.x, seen.x) <= 1 && off(guess->second.y, seen.y) <= 1;
    }
    predictor->on_state(entity.tick(), last_sequence, seen, now);
  }

  const env::Clock& clock_;
  world::Rng rng_;
  std::optional<OwnMovement> model_;
  lockstep::TickClock ticks_;
  lockstep::InputDelay delay_{{.min_ticks = 4}};
  std::map<Tick, Vector> predicted_;  ///< as first predicted
  i64 round_trip_ns_ = 0;
  TimeNs shown_ns_ = 0;
  TimeNs act_at_ = 0;
};

TEST(ServerFrameSync, two_clients_are_where_they_predicted_and_see_each_other) {
  const TemporaryFolder data;
  auto server = start_server(data.path(), {{"test", "battle.sync_model", "frame_sync"},
                                           {"test", "battle.send_hz", "20"},
                                           {"test", "battle.max_players", "2"}});
  ASSERT_TRUE(server.ok()) << server.error().message;
  const env::SystemClock clock;
  env::SystemRandom random;
  const std::unique_ptr<env::Network> network = env::make_system_network();
  const transport::PkiPaths paths = transport::pki_paths((*server)->report().pki_folder);
  client::ClientGroupOptions options;
  options.server = (*server)->report().quic;
  options.tls = {paths.ca_certificate, paths.client_certificate, paths.client_key};
  auto group = client::ClientGroup::create(options, *network, random, clock);
  ASSERT_TRUE(group.ok()) << group.error().message;
  std::array<Player, 2> players{Player(clock, 1), Player(clock, 2)};
  for (Player& player : players) {
    client::ClientOptions client;
    client.ping_interval_ns = 200 * kMillisecondNs;
    (*group)->add(client, player);
  }
  (*group)->start();

  const auto play_until = [&](u32 battles, u64 compared) {
    const auto done = [&] {
      return std::ranges::all_of(
          players, [&](const Player& p) { return p.battles == battles && p.compared >= compared; });
    };
    const TimeNs end = clock.now() + 40 * kSecondNs;
    while (clock.now() < end && !done()) {
      (*group)->poll();
      for (std::size_t i = 0; i < players.size(); ++i) players[i].play((*group)->client(i));
      (*group)->wait(clock.now() + 4 * kMillisecondNs);
    }
    return done();
  };
  ASSERT_TRUE(play_until(1, 100));
  // The next battle, on the same sessions.
  ASSERT_TRUE((*server)->control().dispose((*group)->client(0).welcome().battle, "the next one").ok());
  ASSERT_TRUE(play_until(2, 180));
  for (const Player& player : players) {
    EXPECT_GT(player.commands, 20U);
    // Not all: what a pickup does is the server's to know, and a busy machine makes commands late.
    EXPECT_GE(player.equal * 100, player.compared * 85) << player.equal << " of " << player.compared;
    EXPECT_EQ(player.predictor->correction().teleports(), 0U);
    EXPECT_EQ(player.others.size(), 1U);
    EXPECT_TRUE(
        player.others.place_at(player.other, static_cast<i64>(player.playback.view_tick()) * kTickNs));
    EXPECT_GT(player.playback.view_tick() + 30, player.predictor->confirmed_tick())
        << "not half a second back";
  }
}

}  // namespace
}  // namespace drumline
