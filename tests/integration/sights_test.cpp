// What bots see is what the server's journal says that there was: exactly.
#include <gtest/gtest.h>

#include "bots/bots.hpp"
#include "env/file.hpp"
#include "recovery/sight_check.hpp"
#include "support/live_server.hpp"
#include "support/temporary_folder.hpp"

namespace drumline {
namespace {

using testing::start_server;
using testing::TemporaryFolder;

Result<recovery::SightCheck> check(const std::string& data, std::vector<broadcast::Sight> sights) {
  const auto files = env::make_system_files();
  const recovery::GameLookup lookup = [](std::string_view) { return &arena::arena_game(); };
  return recovery::check_sights(*files, data, lookup, std::move(sights));
}

TEST(Sights, of_bots_are_what_the_journal_says_that_there_was) {
  const TemporaryFolder data;
  auto server = start_server(data.path(), {{"test", "battle.count", "2"}});
  ASSERT_TRUE(server.ok()) << server.error().message;
  bots::BotsOptions options;
  options.url = "quic://" + (*server)->report().quic.to_string();
  options.pki = (*server)->report().pki_folder;
  options.count = 60;
  options.battles = 2;
  options.threads = 2;
  options.seconds = 4;
  options.measure_from_seated = true;
  options.network = "10ms,5%";  // so that some of what they know is older than their newest frame
  options.sight_every = 5;
  const auto report = bots::play_bots(options);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_TRUE(report->all_well());
  EXPECT_EQ(report->received.frames_malformed, 0U);
  EXPECT_EQ(report->bodies.different, 0U);
  EXPECT_GT(report->bodies.equal, report->bodies.decoded);
  (*server)->stop(kSecondNs);
  server->reset();

  ASSERT_GT(report->sights.size(), 3'000U);
  const auto checked = check(data.path(), report->sights);
  ASSERT_TRUE(checked.ok()) << checked.error().message;
  EXPECT_EQ(checked->sights, report->sights.size());
  EXPECT_EQ(checked->battles, 2U);
  EXPECT_GT(checked->ticks, 50U);
  EXPECT_EQ(checked->different, 0U) << checked->first_differences.front();

  // A check that finds nothing would pass all this as well.
  std::vector<broadcast::Sight> wrong = report->sights;
  const std::size_t late = wrong.size() - 40;  // well into the battle
  wrong[late].values[0] += 1;
  wrong[late + 10].tick -= 40;
  wrong[late + 20].entity = EntityId{wrong[late + 20].entity.value + (u64{1} << 32)};  // another generation
  wrong[late + 30].values.pop_back();
  const auto found = check(data.path(), wrong);
  ASSERT_TRUE(found.ok()) << found.error().message;
  EXPECT_GE(found->different, 3U);
  EXPECT_LE(found->different, 4U) << "who stood still for 40 ticks is not different";
  EXPECT_EQ(found->first_differences.size(), found->different);

  wrong[late].battle = BattleId{77};
  EXPECT_EQ(check(data.path(), wrong).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace drumline
