// The game duel: two fighters on a stage seen from the side. They walk, jump,
// guard, strike, throw, dash and send projectiles; a match is the best of some
// rounds, and then the battle is over.
#pragma once

#include "world/rules.hpp"

namespace drumline::duel {

/// The game. Stateless; lives as long as the program. Seats beyond the second are
/// refused whatever max_players is.
///
/// From outside a battle takes two messages (Rules::on_tell), with which a
/// tournament's desk sets a round's timer or ends a match, and answers one question
/// (Rules::on_ask), "score", with a line of text such as
/// "round 2 of 3, fight, 1 : 0, health 212 : 300"; their bytes are in
/// duel_view/duel_view.hpp, Tell and kAskScore.
const world::Game& duel_game();

}  // namespace drumline::duel
