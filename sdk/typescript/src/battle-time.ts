// Time as the battle's ticks pass: it runs slower than the clock while the server dilates time
// (sdk/cpp/battle_time.hpp).

export const NORMAL_PACE_PERCENT = 100;

/** What Lockstep and Prediction want as `now`: to them a tick always takes 16 ms. Never falls while the clock does not. */
export class BattleTime {
  private base = 0;
  private since = 0;
  private percent = NORMAL_PACE_PERCENT;

  /** How long ticks take, in percent of their normal length. */
  get pacePercent(): number {
    return this.percent;
  }
  /** From the clock's `nowMs` on. */
  setPace(percent: number, nowMs: number): void {
    this.base = this.at(nowMs);
    this.since = nowMs;
    this.percent = percent;
  }
  at(nowMs: number): number {
    return this.base + ((nowMs - this.since) * NORMAL_PACE_PERCENT) / this.percent;
  }
  /** A span of clock time, a round trip for one, as time of the battle. */
  span(clockMs: number): number {
    return (clockMs * NORMAL_PACE_PERCENT) / this.percent;
  }
}
