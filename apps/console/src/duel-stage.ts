// What the page knows of the game duel: games/duel/view, mirrored; and the battle as it is
// drawn, a little eased, as ticks and frames come at other times.
import type { BattleView, Row } from "@drumline/client";

export const enum Stance {
  idle, walk, guard, jump, light, heavy, grab, dash, special, hit, block, down, out,
}
export const enum Phase {
  waiting, intro, fight, pause, over,
}
export const SKILL_HEAVY = 0;
export const SKILL_THROW = 1;
export const SKILL_DASH = 2;
export const SKILL_SPECIAL = 3;
const FLAG_FACES_LEFT = 1;
const FLAG_AWAY = 2;
const MAGIC = 0x4c554444; // "DDUL"
const EASE_MS = 22;
/** A longer way than this is a new round, not a step. */
const JUMP = 1.5;

/** The map description's numbers that are drawn (games/duel/view/map_description.hpp). */
export class DuelMap {
  bestOf = 3;
  health = 300;
  maxMeter = 100;
  specialCost = 30;
  halfWidth = 0.4;
  height = 1.8;
  projectileRadius = 0.3;

  constructor(description: Uint8Array) {
    const view = new DataView(description.buffer, description.byteOffset, description.byteLength);
    if (view.byteLength < 26 || view.getUint32(0, true) !== MAGIC || view.getUint8(4) !== 1) return;
    this.bestOf = view.getUint8(9);
    this.health = view.getUint16(10, true);
    this.maxMeter = view.getUint8(12);
    this.specialCost = view.getUint8(13);
    this.halfWidth = view.getUint16(14, true) / 1000;
    this.height = view.getUint16(16, true) / 1000;
    this.projectileRadius = view.getUint16(24, true) / 1000;
  }
}

export interface Fighter {
  slot: number;
  seat: number;
  x: number;
  y: number;
  facesLeft: boolean;
  away: boolean;
  stance: Stance;
  stanceTicks: number;
  health: number;
  meter: number;
  rounds: number;
}

export interface Projectile {
  x: number;
  y: number;
  left: boolean;
  owner: number;
}

const num = (row: Row, field: string): number => Number(row.values[field]);

export class DuelStage {
  fighters: Fighter[] = [];
  projectiles: Projectile[] = [];
  phase = Phase.waiting;
  round = 0;
  winner = 0;
  /** Until the phase ends; 0 while it waits. */
  leftMs = 0;
  private readonly drawn = new Map<number, { x: number; y: number }>();

  constructor(readonly map: DuelMap, readonly width: number, readonly height: number, private readonly tickMs: number) {}

  /** Takes the battle as it stands; `passedMs` since the last frame. */
  observe(view: BattleView, passedMs: number): void {
    const rows = (name: string): Row[] => view.rows(view.table(name)!);
    const f = 1 - Math.exp(-passedMs / EASE_MS);
    this.fighters = rows("fighter").map((row) => ({
      slot: row.slot,
      seat: num(row, "seat"),
      ...this.ease(row.slot, num(row, "x"), num(row, "y"), f),
      facesLeft: (num(row, "flags") & FLAG_FACES_LEFT) !== 0,
      away: (num(row, "flags") & FLAG_AWAY) !== 0,
      stance: num(row, "stance"),
      stanceTicks: num(row, "stance_ticks"),
      health: num(row, "health"),
      meter: num(row, "meter"),
      rounds: num(row, "rounds"),
    }));
    this.projectiles = rows("projectile").map((row) => ({
      ...this.ease(100 + row.slot, num(row, "x"), num(row, "y"), f),
      left: num(row, "left") !== 0,
      owner: num(row, "owner"),
    }));
    const [match] = rows("match");
    if (!match) return;
    this.phase = num(match, "phase");
    this.round = num(match, "round");
    this.winner = num(match, "winner");
    const until = num(match, "until");
    this.leftMs = until === 0 ? 0 : Math.max(0, until - (view.tick % 2 ** 32)) * this.tickMs;
  }

  private ease(key: number, x: number, y: number, f: number): { x: number; y: number } {
    const from = this.drawn.get(key);
    const far = !from || Math.hypot(x - from.x, y - from.y) > JUMP;
    const place = far ? { x, y } : { x: from.x + (x - from.x) * f, y: from.y + (y - from.y) * f };
    this.drawn.set(key, place);
    return place;
  }

  of(seat: number): Fighter | undefined {
    return this.fighters.find((fighter) => fighter.seat === seat);
  }
}
