#include "lockstep/lockstep_client.hpp"

#include "simulated_session.hpp"
#include "support/planted_duel.hpp"

namespace drumline::lockstep::testing {
namespace {

constexpr WayOptions kGood{15 * kMillisecondNs, 3 * kMillisecondNs, 0};
constexpr WayOptions kBad{50 * kMillisecondNs, 30 * kMillisecondNs, 10};

TEST(lockstep_client, two_on_a_bad_network_have_the_servers_hash_at_every_tick) {
  Session session({kGood, kBad});
  session.run(60);
  for (u32 i = 0; i < 2; ++i) {
    session.expect_equal_hashes(i);
    EXPECT_TRUE(session.players[i].mismatches.empty());
    EXPECT_EQ(session.players[i].started.size(), 1U);
    EXPECT_EQ(session.relay.diverged(i), 0U);
    EXPECT_GT(session.relay.commands(i), 300U);
    EXPECT_LE(session.players[i].client.statistics().deepest_ticks, 8U);
  }
  for (const auto& [tick, hash] : session.players[0].hashes) {
    const auto other = session.players[1].hashes.find(tick);
    if (other != session.players[1].hashes.end()) {
      ASSERT_EQ(other->second, hash);
    }
  }
}

TEST(lockstep_client, wrong_guesses_are_made_and_put_right) {
  Session session({kGood, kGood});
  session.run(20);
  for (Player& player : session.players) {
    const RollbackStatistics statistics = player.client.statistics();
    EXPECT_GT(statistics.rollbacks, 20U);
    // Few of what was shown was wrong: the other's commands, for as long as they travel.
    u64 wrong = 0;
    for (const auto& [tick, hash] : player.hashes) {
      const auto shown = player.predicted_hashes.find(tick);
      wrong += shown != player.predicted_hashes.end() && shown->second != hash;
    }
    EXPECT_GT(wrong, 0U);
    EXPECT_LT(wrong, player.hashes.size());
    player.acts = false;
  }
  // When nobody does anything new, the guess is the truth.
  session.run(1);
  const auto shown = [&](u32 i) {
    const battle::Battle& battle = *session.players[i].client.predicted();
    return std::pair(battle.tick(), battle.state_hash());
  };
  const std::array before{shown(0), shown(1)};
  EXPECT_GT(before[0].first, session.players[0].client.confirmed()->tick());
  session.run(1);
  for (const auto& [tick, hash] : before) EXPECT_EQ(hash, session.relay.hash(tick));
}

TEST(lockstep_client, commands_come_in_time_once_the_way_is_known) {
  for (const WayOptions& way : {kGood, WayOptions{60 * kMillisecondNs, 10 * kMillisecondNs, 0}}) {
    Session session({way, way});
    session.run(10);
    const std::array late{session.relay.late(0), session.relay.late(1)};
    const std::array commands{session.relay.commands(0), session.relay.commands(1)};
    session.run(30);
    for (u32 i = 0; i < 2; ++i) {
      EXPECT_LE((session.relay.late(i) - late[i]) * 100, session.relay.commands(i) - commands[i]);
      const i64 way_ticks = (2 * way.latency_ns + 2 * way.jitter_ns + kTickNs - 1) / kTickNs;
      EXPECT_LE(session.players[i].client.input_delay().ticks(), way_ticks + 4);
    }
  }
}

TEST(lockstep_client, a_way_that_gets_longer_makes_the_delay_longer_and_nothing_differs) {
  Session session({kGood, kGood});
  session.run(10);
  const u32 before = session.players[0].client.input_delay().ticks();
  session.ways[0].latency_ns = 80 * kMillisecondNs;
  session.run(10);
  EXPECT_GE(session.players[0].client.input_delay().ticks(), before + 6);
  session.ways[0] = kGood;
  session.run(30);
  EXPECT_LE(session.players[0].client.input_delay().ticks(), before + 2);
  for (u32 i = 0; i < 2; ++i) session.expect_equal_hashes(i);
}

TEST(lockstep_client, a_planted_difference_is_reported_with_its_tick_and_mended_by_the_state) {
  constexpr Tick planted = 700;
  const drumline::testing::PlantedDuel other_build(planted);
  Session session({kGood, kBad}, other_build);
  session.run(30);
  EXPECT_TRUE(session.players[0].mismatches.empty());
  session.expect_equal_hashes(0);

  const Player& player = session.players[1];
  ASSERT_EQ(player.mismatches.size(), 1U);
  const HashMismatch mismatch = player.mismatches[0];
  EXPECT_EQ(mismatch.tick, planted);
  EXPECT_EQ(mismatch.server_hash, session.relay.hash(planted));
  EXPECT_NE(mismatch.own_hash, mismatch.server_hash);

  // What it said: the mismatch, and its own state.
  const auto& desync = std::get<wire::Desync>(session.messages.at(0));
  EXPECT_EQ(desync.tick, planted);
  EXPECT_EQ(desync.hash, mismatch.own_hash);
  EXPECT_EQ(desync.expected, mismatch.server_hash);
  std::vector<std::byte> state;
  for (std::size_t i = 1; i < session.messages.size(); ++i) {
    const auto& part = std::get<wire::StatePart>(session.messages[i]);
    EXPECT_EQ(part.tick, planted);
    EXPECT_EQ(part.offset, state.size());
    state.insert(state.end(), part.bytes.begin(), part.bytes.end());
  }
  const auto own = battle::Battle::restore(other_build, duel_info(), state);
  ASSERT_TRUE(own.ok()) << own.error().message;
  EXPECT_EQ((*own)->tick(), planted);
  EXPECT_EQ((*own)->state_hash(), mismatch.own_hash);

  // With the state anew it goes on.
  ASSERT_EQ(player.started.size(), 2U);
  EXPECT_GT(player.started[1], planted);
  for (const auto& [tick, hash] : player.hashes) {
    if (tick != planted) {
      ASSERT_EQ(hash, session.relay.hash(tick)) << tick;
    }
  }
  EXPECT_GE(player.hashes.rbegin()->first + 40, session.relay.battle().tick());
}

TEST(lockstep_client, on_any_network_nothing_differs) {
  world::Rng rng(4);
  for (u64 seed = 0; seed < 12; ++seed) {
    const auto any_way = [&] {
      return WayOptions{static_cast<i64>(rng.below(u64{120})) * kMillisecondNs,
                        static_cast<i64>(rng.below(u64{60})) * kMillisecondNs,
                        static_cast<u32>(rng.below(u64{30}))};
    };
    LockstepOptions options;
    options.max_rollback_ticks = static_cast<u32>(rng.below(u64{Rollback::kMaxTicks + 1}));
    Session session({any_way(), any_way()}, duel::duel_game(), options, seed);
    for (int i = 0; i < 4; ++i) {
      session.run(5);
      session.ways[rng.below(u64{2})] = any_way();
    }
    for (u32 i = 0; i < 2; ++i) {
      session.expect_equal_hashes(i);
      EXPECT_EQ(session.relay.diverged(i), 0U);
      EXPECT_LE(session.players[i].client.statistics().deepest_ticks, options.max_rollback_ticks);
    }
  }
}

TEST(lockstep_client, a_new_session_begins_from_the_state_anew) {
  Session session({kGood, kBad});
  session.run(5);
  session.reconnect(1);
  EXPECT_FALSE(session.players[1].client.running());
  session.run(5);
  const Player& player = session.players[1];
  ASSERT_EQ(player.started.size(), 2U);
  for (const auto& [tick, hash] : player.hashes) ASSERT_EQ(hash, session.relay.hash(tick)) << tick;
  EXPECT_GE(player.hashes.rbegin()->first + 40, session.relay.battle().tick());
  EXPECT_EQ(session.relay.diverged(1), 0U);
}

TEST(lockstep_client, after_a_long_silence_it_goes_on_from_the_state_anew) {
  Session session({kGood, kGood});
  session.run(5);
  session.ways[1].loss_percent = 100;
  session.run(3);
  const Tick stuck = session.players[1].client.confirmed()->tick();
  EXPECT_EQ(session.players[1].client.predicted()->tick(), stuck + 8) << "no further ahead than the limit";
  session.run(2);
  session.ways[1].loss_percent = 0;
  session.run(5);
  const Player& player = session.players[1];
  ASSERT_EQ(player.started.size(), 2U);
  EXPECT_GT(player.started[1], stuck);
  for (const auto& [tick, hash] : player.hashes) ASSERT_EQ(hash, session.relay.hash(tick)) << tick;
  EXPECT_GE(player.hashes.rbegin()->first + 40, session.relay.battle().tick());
  session.expect_equal_hashes(0);
}

TEST(lockstep_client, numbers_without_sense_are_refused) {
  Relay relay;
  LockstepListener nobody;
  LockstepClient client(duel::duel_game(), {}, nobody);
  auto welcome = relay.welcome_for(0);
  welcome.tick = ~Tick{0};
  client.begin(welcome);
  auto frame = relay.frame_for(0);
  ASSERT_GE(frame.size(), 8U);
  for (int i = 0; i < 400; ++i) {
    const u32 low = static_cast<u32>(i) * 0x7FFF'FFF0U;
    std::memcpy(frame.data() + 4, &low, sizeof low);
    static_cast<void>(client.on_frame(frame, i * kTickNs));
  }
  auto parts = relay.state_for(0, wire::kMaxPartBytes);
  parts[0].tick = ~Tick{0};
  EXPECT_FALSE(client.on_snapshot_part(parts[0]).ok());
}

TEST(lockstep_client, ticks_come_by_the_reliable_channel_too) {
  Relay relay;
  LockstepListener nobody;
  LockstepClient client(duel::duel_game(), {}, nobody);
  client.begin(relay.welcome_for(0));
  for (const auto& part : relay.state_for(0)) ASSERT_TRUE(client.on_snapshot_part(part).ok());
  const Tick first = relay.next();
  for (int i = 0; i < 200; ++i) relay.tick();
  ASSERT_TRUE(client.on_ticks(relay.ticks(first, first + 99)).ok());
  ASSERT_TRUE(client.on_ticks(relay.ticks(first + 50, first + 199)).ok());
  ASSERT_TRUE(client.advance(0).ok());
  EXPECT_EQ(client.confirmed()->tick(), first + 199);
  EXPECT_EQ(client.sync().tick, first + 199);
  EXPECT_EQ(client.sync().hash, relay.hash(first + 199));
}

TEST(lockstep_client, before_the_state_is_whole_nothing_runs_and_no_tick_is_lost) {
  Relay relay;
  LockstepListener nobody;
  LockstepClient client(duel::duel_game(), {}, nobody);
  client.begin(relay.welcome_for(0));
  const auto parts = relay.state_for(0);
  ASSERT_GT(parts.size(), 1U);
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) ASSERT_TRUE(client.on_snapshot_part(parts[i]).ok());
  TimeNs now = 0;
  for (int i = 0; i < 100; ++i, now += kTickNs) {
    relay.tick();
    ASSERT_TRUE(client.on_frame(relay.frame_for(0), now).ok());
    ASSERT_TRUE(client.advance(now).ok());
  }
  EXPECT_FALSE(client.running());
  EXPECT_EQ(client.predicted(), nullptr);
  EXPECT_EQ(client.sync().tick, 0U);
  EXPECT_EQ(client.deadline(), LockstepClient::kNever);
  EXPECT_EQ(client.issue(walk(1, 1), now).apply_tick, 0U);
  ASSERT_TRUE(client.on_snapshot_part(parts.back()).ok());
  ASSERT_TRUE(client.advance(now).ok());
  EXPECT_EQ(client.confirmed()->tick(), relay.battle().tick());
}

TEST(lockstep_client, ticks_that_come_before_the_state_of_a_later_session_are_kept_too) {
  Relay relay;
  LockstepListener nobody;
  LockstepClient client(duel::duel_game(), {}, nobody);
  client.begin(relay.welcome_for(0));
  for (const auto& part : relay.state_for(0)) ASSERT_TRUE(client.on_snapshot_part(part).ok());
  for (int i = 0; i < 2'000; ++i) relay.tick();
  client.begin(relay.welcome_for(0));
  const auto parts = relay.state_for(0);
  for (int i = 0; i < 3; ++i) relay.tick();
  ASSERT_TRUE(client.on_frame(relay.frame_for(0), 0).ok());
  for (const auto& part : parts) ASSERT_TRUE(client.on_snapshot_part(part).ok());
  ASSERT_TRUE(client.advance(0).ok());
  EXPECT_EQ(client.confirmed()->tick(), relay.battle().tick());
}

TEST(lockstep_client, a_state_older_than_what_runs_changes_nothing) {
  Relay relay;
  LockstepListener nobody;
  LockstepClient client(duel::duel_game(), {}, nobody);
  client.begin(relay.welcome_for(0));
  const auto parts = relay.state_for(0);
  for (const auto& part : parts) ASSERT_TRUE(client.on_snapshot_part(part).ok());
  for (int i = 0; i < 3; ++i) relay.tick();
  ASSERT_TRUE(client.on_frame(relay.frame_for(0), 0).ok());
  ASSERT_TRUE(client.advance(0).ok());
  for (const auto& part : parts) ASSERT_TRUE(client.on_snapshot_part(part).ok());
  EXPECT_EQ(client.confirmed()->tick(), relay.battle().tick());
}

TEST(lockstep_client, a_later_command_never_comes_before_an_earlier_one) {
  Relay relay;
  LockstepListener nobody;
  LockstepOptions options;
  options.max_rollback_ticks = 0;
  LockstepClient client(duel::duel_game(), options, nobody);
  client.begin(relay.welcome_for(0));
  for (const auto& part : relay.state_for(0)) ASSERT_TRUE(client.on_snapshot_part(part).ok());
  relay.tick();
  ASSERT_TRUE(client.on_frame(relay.frame_for(0), 0).ok());
  ASSERT_TRUE(client.advance(0).ok());
  const u32 first = client.issue(walk(1, 1), 0).apply_tick;
  client.on_round_trip(kMillisecondNs, 0);
  ASSERT_LT(client.input_delay().ticks(), InputDelayOptions{}.start_ticks);
  EXPECT_EQ(client.issue(walk(2, -1), 0).apply_tick, first);
}

TEST(lockstep_client, a_state_that_is_not_what_was_announced_is_refused) {
  Relay relay;
  LockstepListener nobody;
  const auto refused = [&](auto change) {
    LockstepClient client(duel::duel_game(), {}, nobody);
    client.begin(relay.welcome_for(0));
    auto parts = relay.state_for(0, wire::kMaxPartBytes);
    EXPECT_EQ(parts.size(), 1U);
    change(parts[0]);
    const bool ok = client.on_snapshot_part(parts[0]).ok();
    EXPECT_EQ(ok, client.running());
    return !ok;
  };
  EXPECT_FALSE(refused([](wire::SnapshotPart&) {}));
  EXPECT_TRUE(refused([](wire::SnapshotPart& part) { part.state_hash ^= 1; }));
  EXPECT_TRUE(refused([](wire::SnapshotPart& part) { part.tick += 1; }));
  EXPECT_TRUE(refused([](wire::SnapshotPart& part) { part.info_bytes -= 1; }));
  world::Rng rng(8);
  for (int i = 0; i < 2'000; ++i) {
    refused([&](wire::SnapshotPart& part) {
      part.bytes[rng.below(part.bytes.size())] = static_cast<std::byte>(rng.next_u64());
    });
  }
}

TEST(lockstep_client, hostile_ticks_are_an_error_or_a_mismatch_and_never_worse) {
  Relay relay;
  world::Rng rng(9);
  LockstepListener nobody;
  for (int i = 0; i < 110; ++i) relay.tick();
  for (int round = 0; round < 300; ++round) {
    LockstepClient client(duel::duel_game(), {}, nobody);
    client.begin(relay.welcome_for(0));
    for (const auto& part : relay.state_for(0)) ASSERT_TRUE(client.on_snapshot_part(part).ok());
    const Tick from = relay.battle().tick();
    world::Command command = random_command(rng);
    command.sequence = static_cast<u32>(round + 1);
    relay.receive(0, command, {});
    relay.tick();
    auto frame = relay.frame_for(0);
    for (int i = 0; i < 3; ++i)
      frame[8 + rng.below(frame.size() - 8)] = static_cast<std::byte>(rng.next_u64());
    if (!client.on_frame(frame, 0).ok()) continue;
    if (!client.advance(0).ok() || !client.running()) continue;
    EXPECT_LE(client.confirmed()->tick(), from + 1);
    EXPECT_EQ(client.confirmed()->state_hash(), relay.hash(client.confirmed()->tick()));
  }
}

TEST(lockstep_client, the_deadline_is_when_the_next_tick_is_shown) {
  Relay relay;
  LockstepListener nobody;
  LockstepClient client(duel::duel_game(), {}, nobody);
  client.begin(relay.welcome_for(0));
  for (const auto& part : relay.state_for(0)) ASSERT_TRUE(client.on_snapshot_part(part).ok());
  TimeNs now = kSecondNs;
  client.on_round_trip(20 * kMillisecondNs, now);
  for (int i = 0; i < 50; ++i, now += kTickNs) {
    relay.tick();
    ASSERT_TRUE(client.on_frame(relay.frame_for(0), now).ok());
    ASSERT_TRUE(client.advance(now).ok());
    const Tick shown = client.predicted()->tick();
    const TimeNs deadline = client.deadline();
    ASSERT_EQ(deadline, now + kTickNs);
    ASSERT_TRUE(client.advance(deadline - 1).ok());
    EXPECT_EQ(client.predicted()->tick(), shown);
    ASSERT_TRUE(client.advance(deadline).ok());
    EXPECT_EQ(client.predicted()->tick(), shown + 1);
  }
  // The server is silent: no further ahead than the limit.
  ASSERT_TRUE(client.advance(now + kSecondNs).ok());
  EXPECT_EQ(client.predicted()->tick(), client.confirmed()->tick() + 8);
  EXPECT_EQ(client.deadline(), LockstepClient::kNever);
}

}  // namespace
}  // namespace drumline::lockstep::testing
