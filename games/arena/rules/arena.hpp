// The game arena: a free-for-all on a big map. Everybody runs, hits, shoots,
// dashes, wards and blasts; who falls comes back; kills score.
//
// Whoever runs a battle may tell it (Rules::on_tell), in plain text: "gather", which puts
// all who live into the middle of the map; "scatter", which puts each somewhere else; "slay",
// by which all fall.
#pragma once

#include "world/rules.hpp"

namespace drumline::arena {

/// Most players that a battle of arena takes: what the sent positions can address.
inline constexpr u32 kMaxPlayers = 20'000;

/// The game. Stateless; lives as long as the program.
const world::Game& arena_game();

}  // namespace drumline::arena
