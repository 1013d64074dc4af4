// What a followed player is sent, in figures: counted from the frames that come, as they are his.
import type { StateDecoder } from "@drumline/client";
import type { Scene } from "./scene";
import { TIERS, tierOf } from "./tiers";

/** Of the time since the last figures. */
export interface FollowFigures {
  framesPerS: number;
  /** Means of a frame; bytes without their padding. */
  bytes: number;
  entities: number;
  streams: number;
  /** The largest frame, bytes. */
  largest: number;
  keysPerS: number;
  bytesPerS: number;
  /** How old the newest word of an entity is: half of them at most so, and the oldest. Milliseconds. */
  medianAgeMs: number;
  oldestMs: number;
  /** Entities that are known, and of them how many in which tier. */
  known: number;
  tiers: number[];
}

interface Counts {
  frames: number;
  bytes: number;
  padding: number;
  streams: number;
  keys: number;
}

export class FollowMeter {
  private entities = 0;
  private largest = 0;
  private last: Counts | null = null;
  private lastMs = 0;
  private newest: Counts | null = null;

  /** A frame came. */
  observe({ tables, tick, stats }: StateDecoder): void {
    for (const { entities } of tables) {
      for (const entity of entities.values()) if (entity.tick === tick) this.entities++;
    }
    const before = this.newest ?? { bytes: 0, padding: 0 };
    this.largest = Math.max(this.largest, stats.bytes - before.bytes - (stats.padding - before.padding));
    this.newest = { ...stats };
  }

  /** A new session counts from nothing. */
  reset(): void {
    this.last = this.newest = null;
    this.entities = this.largest = 0;
  }

  /** Null while too little came to say anything. */
  take(scene: Scene, tickMs: number, nowMs: number): FollowFigures | null {
    const { last, newest, lastMs } = this;
    [this.last, this.lastMs] = [newest, nowMs];
    const [entities, largest] = [this.entities, this.largest];
    this.entities = this.largest = 0;
    if (!last || !newest || newest.frames === last.frames || nowMs <= lastMs) return null;
    const frames = newest.frames - last.frames;
    const seconds = (nowMs - lastMs) / 1000;
    const bytes = newest.bytes - last.bytes;
    const ages: number[] = [];
    const tiers = TIERS.map(() => 0);
    for (const actor of scene.actors.values()) {
      ages.push((scene.tick - actor.lastTick) * tickMs);
      tiers[tierOf(actor)]++;
    }
    ages.sort((a, b) => a - b);
    return {
      framesPerS: frames / seconds,
      bytes: (bytes - (newest.padding - last.padding)) / frames,
      entities: entities / frames,
      streams: (newest.streams - last.streams) / frames,
      largest,
      keysPerS: (newest.keys - last.keys) / seconds,
      bytesPerS: bytes / seconds,
      medianAgeMs: ages[ages.length >> 1] ?? NaN,
      oldestMs: ages[ages.length - 1] ?? NaN,
      known: ages.length,
      tiers,
    };
  }
}
