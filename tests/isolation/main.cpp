// The tests, and the processes that they start: "battle-group" is a real one, "hostile SEED"
// one whose memory is corrupt.
#include <cstdlib>
#include <string_view>

#include <gtest/gtest.h>

#include "duel/duel.hpp"
#include "isolation/hostile_group.hpp"
#include "server/battle_group.hpp"
#include "trouble/trouble.hpp"

int main(int argc, char** argv) {
  using namespace drumline;
  const std::string_view role = argc > 1 ? argv[1] : "";
  if (role == "battle-group") return server::run_battle_group({&trouble::trouble_game(), &duel::duel_game()});
  if (role == "hostile") return drumline::testing::run_hostile_group(std::strtoull(argv[2], nullptr, 10));
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
