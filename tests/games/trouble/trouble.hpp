// A game that fails when it is told to. Messages (Rules::on_tell):
//
//   add N      adds to the sum; N 0 is refused
//   throw      throws
//   assert     fails an assertion
//   loop       never returns
//   fill       puts rows into a table until that fails, which it asserts it does not
//   flood      puts rows into a table for ever, whatever comes of it
//   leak N     the step puts N rows into a table in every tick from now on, as fill does
//   slow N     the step takes N ms longer in every tick from now on
//   crash      writes to an address that is none; so does the action "skill" of a player
//   ruin N     the step does so in every tick from N ticks later on
//   poison N   the step throws in every tick from N ticks later on
//   end        the battle comes to its end
//
// The question (Rules::on_ask) "sum" is answered by the sum's digits, "rows" by the number of
// those rows; "throw" throws.
#pragma once

#include "world/rules.hpp"

namespace drumline::trouble {

const world::Game& trouble_game();

}  // namespace drumline::trouble
