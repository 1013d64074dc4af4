// The rhythm in which a player is told of another, by how near that one's cell is
// (docs/formats/state-frame.md): each has its colour.
import { fade, packColor } from "./gl";
import type { Actor } from "./scene";

export interface Tier {
  label: string;
  color: string;
}

export const TIERS: readonly Tier[] = [
  { label: "every tick", color: "#63e6a4" },
  { label: "every 2nd", color: "#56b8ff" },
  { label: "every 4th", color: "#b48cff" },
  { label: "every 8th, or less often", color: "#ff7d9c" },
];
const COLORS = TIERS.map(({ color }) => packColor(color));

/** Whoever was not spoken of for so many ticks is drawn paler, and palest at last. */
const FRESH_TICKS = 10;
const STALE_TICKS = 64;
const PALEST = 0.3;

/** By what is measured: ticks between the actor's states. */
export function tierOf({ gapTicks }: Actor): number {
  if (gapTicks < 1.5) return 0;
  if (gapTicks < 3) return 1;
  return gapTicks < 6 ? 2 : 3;
}

/** How an actor looks to who wants to see tiers at `tick`. */
export function tintOf(actor: Actor, tick: number): number {
  const age = (tick - actor.lastTick - FRESH_TICKS) / (STALE_TICKS - FRESH_TICKS);
  return fade(COLORS[tierOf(actor)], 1 - (1 - PALEST) * Math.max(0, Math.min(1, age)));
}
