// Frame sync over real QUIC: two clients that predict themselves and show each other.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <optional>

#include <gtest/gtest.h>

#include "arena/own_movement.hpp"
#include "arena_view/arena_view.hpp"
#include "bots/bots.hpp"
#include "client/client_group.hpp"
#include "prediction/frame_sync_client.hpp"
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
    // The margin that a busy machine wants. Another battle has ticks of its own.
    sync.emplace(*model_, prediction::FrameSyncOptions{.input_delay = {.min_ticks = 4}});
    predicted_.clear();
    view_tick_ = 0;
    ++battles;
  }

  void on_frame(client::Client& client) override {
    const TimeNs now = clock_.now();
    broadcast::StateDecoder& world = client.world();
    const Tick tick = world.tick();
    sync->on_frame(tick, world.last_sequence(), now);
    world.for_each([&](const broadcast::StateDecoder::Entity& entity) {
      if (entity.table().index != arena::kPlayerTable || entity.tick() != tick) return;
      if (entity.id() == client.entity()) {
        see_myself(entity, world.last_sequence(), now);
      } else {
        sync->on_other(entity.id(), tick,
                       {Fixed::from_raw(entity.world_value(arena::kPlayerX)),
                        Fixed::from_raw(entity.world_value(arena::kPlayerY))});
        other = entity.id();
      }
    });
  }
  void on_refused(client::Client&, const wire::Refused& refused) override {
    if (sync) sync->on_refused(refused.cmd_id);
  }

  void play(client::Client& client) {
    if (!client.playing() || !sync) return;
    const TimeNs now = clock_.now();
    if (client.statistics().round_trip_ns != round_trip_ns_) {
      round_trip_ns_ = client.statistics().round_trip_ns;
      sync->on_round_trip(round_trip_ns_, now);
    }
    sync->advance(now);
    if (!sync->running()) return;
    EXPECT_GE(sync->playback().view_tick(), view_tick_) << "never back";
    view_tick_ = sync->playback().view_tick();
    if (now >= act_at_) {
      act_at_ = now + static_cast<i64>(80 + rng_.below(u64{200})) * kMillisecondNs;
      world::Command command;
      command.sequence = client.next_sequence();
      command.entity = client.entity();
      command.action = rng_.below(u64{5}) == 0 ? world::Action::skill : world::Action::move;
      command.skill = arena::kSkillDash;
      command.x = (static_cast<i32>(rng_.below(u64{3})) - 1) * 23'000;
      command.y = (static_cast<i32>(rng_.below(u64{3})) - 1) * 23'000;
      EXPECT_EQ(client.send(sync->issue(command, now), 1, now), command.sequence);
      ++commands;
    }
    predicted_.emplace(sync->predictor().tick(), sync->predictor().place());
  }

  std::optional<prediction::FrameSyncClient<OwnMovement>> sync;
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
    sync->on_self(entity.tick(), last_sequence, seen, now);
  }

  const env::Clock& clock_;
  world::Rng rng_;
  std::optional<OwnMovement> model_;
  std::map<Tick, Vector> predicted_;  ///< as first predicted
  i64 round_trip_ns_ = 0;
  Tick view_tick_ = 0;
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
    EXPECT_EQ(player.sync->predictor().correction().teleports(), 0U);
    EXPECT_TRUE(player.sync->shown_other(player.other));
    EXPECT_GT(player.sync->playback().view_tick() + 30, player.sync->predictor().confirmed_tick())
        << "not half a second back";
  }
}

TEST(ServerFrameSync, bots_predict_themselves_as_players_do) {
  const TemporaryFolder data;
  auto server = start_server(data.path(), {{"test", "battle.sync_model", "frame_sync"},
                                           {"test", "battle.send_hz", "20"},
                                           {"test", "battle.max_players", "8"}});
  ASSERT_TRUE(server.ok()) << server.error().message;
  bots::BotsOptions options;
  options.url = "quic://" + (*server)->report().quic.to_string();
  options.pki = (*server)->report().pki_folder;
  options.count = 8;
  options.seconds = 6;
  options.measure_from_seated = true;
  options.network = "40ms";
  const auto report = bots::play_bots(options);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_TRUE(report->all_well());
  EXPECT_GT(report->received.commands_sent, 50U);
  EXPECT_GT(report->places_predicted, 200U);
  // Deaths and pickups come as a surprise, and a busy machine makes commands late.
  EXPECT_LE(report->places_corrected * 100, report->places_predicted * 25) << report->places_predicted;
}

}  // namespace
}  // namespace drumline
