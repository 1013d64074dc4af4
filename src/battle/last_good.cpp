#include "battle/last_good.hpp"

#include "base/hex.hpp"
#include "battle/journal_records.hpp"

namespace drumline::battle {

void LastGood::begin(const Battle& battle) {
  battle.encode_snapshot(way_.snapshot);
  way_.ticks.clear();
  way_.tick = battle.tick();
  way_.state_hash = battle.state_hash();
}

void LastGood::note(const Battle& battle, Bytes tick_payload) {
  if ((battle.tick() + battle.info().id.value * 7) % kSnapshotPeriodTicks == 0) {
    begin(battle);
    return;
  }
  const u32 size = static_cast<u32>(tick_payload.size());
  const Bytes head = std::as_bytes(std::span(&size, 1));
  way_.ticks.insert(way_.ticks.end(), head.begin(), head.end());
  way_.ticks.insert(way_.ticks.end(), tick_payload.begin(), tick_payload.end());
  way_.tick = battle.tick();
  way_.state_hash = battle.state_hash();
}

Result<std::unique_ptr<Battle>> go_back(const world::Game& game, BattleInfo info, const LastGood::Way& way) {
  auto battle = Battle::restore(game, std::move(info), way.snapshot);
  if (!battle) return battle;
  ByteReader in(way.ticks);
  TickRecord record;
  while (!in.at_end()) {
    const Bytes payload = in.read_bytes(in.read<u32>());
    if (auto decoded = decode_tick(payload, record); !decoded) return std::move(decoded).error();
    (*battle)->step(record.inputs);
  }
  if ((*battle)->tick() != way.tick || (*battle)->state_hash() != way.state_hash) {
    return Error{ErrorCode::mismatch, "the way back leads to tick " + std::to_string((*battle)->tick()) +
                                          " with state hash " + to_hex((*battle)->state_hash()) +
                                          " instead of tick " + std::to_string(way.tick) + " with " +
                                          to_hex(way.state_hash) + ": the rules are not deterministic"};
  }
  return battle;
}

}  // namespace drumline::battle
