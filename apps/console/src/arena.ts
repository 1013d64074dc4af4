// What this page knows of the game arena: games/arena/view and
// docs/formats/arena-map.md, mirrored.
import type { Entity, GameEvent, StateDecoder, TableState } from "@drumline/client";
import type { Actor } from "./scene";

export type ActorKind = "player" | "pickup";
export type EffectKind = "hit" | "swing" | "shot" | "death" | "spawn" | "skill" | "pickup" | "heal";

export interface Obstacle {
  x: number;
  y: number;
  halfWidth: number;
  halfHeight: number;
  round: boolean;
}

export interface Skill {
  name: string;
  key: string;
  cooldownMs: number;
}

export interface DescribedEvent {
  kind: EffectKind;
  text?: string;
  radius?: number;
  toX?: number;
  toY?: number;
  ticks?: number;
}

export const enum Flag {
  dead = 1,
  protected = 2,
  away = 4,
  moving = 8,
  fast = 16,
  warded = 32,
  strong = 64,
  dashing = 128,
}

export const SKILL_DASH = 0;
/** The events that tell of the skills, by skill. */
export const SKILL_EVENTS = ["dash", "ward", "blast"];
/** Health is counted in 1/256 point. */
const HEALTH_UNIT = 256;
const MAGIC = 0x4d524144; // "DARM"
const MAX_OBSTACLES = 6000;
const OBSTACLE_BYTES = 9;
const TICK_S = 0.016;

/** Turns of 65,536 to radians. */
export const radiansOf = (heading: number): number => (heading / 65536) * 2 * Math.PI;

export class ArenaMap {
  readonly obstacles: Obstacle[] = [];
  fullHealth = 100;
  bodyRadius = 0.5;
  meleeRange = 2.2;
  shotRange = 22;
  shotSpeed = 26;
  blastRadius = 5;
  meleeCooldownMs = 500;
  shotCooldownMs = 450;
  speed = 6;
  skills: Skill[] = [
    { name: "Dash", key: "Space", cooldownMs: 4000 },
    { name: "Ward", key: "Q", cooldownMs: 12000 },
    { name: "Blast", key: "E", cooldownMs: 9000 },
  ];

  /** A description that cannot be read leaves the defaults and says so. */
  constructor(readonly width: number, readonly height: number, description: Uint8Array) {
    try {
      this.read(new DataView(description.buffer, description.byteOffset, description.byteLength));
    } catch (error) {
      console.warn("the arena's map description cannot be read:", error);
    }
  }

  private read(view: DataView): void {
    if (view.getUint32(0, true) !== MAGIC || view.getUint8(4) !== 1) throw new Error("unknown format");
    let at = 5;
    const u16 = (): number => {
      const value = view.getUint16(at, true);
      at += 2;
      return value;
    };
    this.fullHealth = Math.max(1, u16());
    this.bodyRadius = u16() / 1000;
    this.meleeRange = u16() / 1000;
    this.shotRange = u16() / 1000;
    this.shotSpeed = Math.max(1, u16() / 1000);
    this.blastRadius = u16() / 1000;
    this.meleeCooldownMs = u16();
    this.shotCooldownMs = u16();
    for (const skill of this.skills) skill.cooldownMs = u16();
    this.speed = u16() / 1000;
    const count = u16();
    if (count > MAX_OBSTACLES || view.byteLength !== at + count * OBSTACLE_BYTES) throw new Error("wrong size");
    for (let i = 0; i < count; i++) {
      const round = view.getUint8(at++) === 0;
      this.obstacles.push({ round, x: u16() / 8, y: u16() / 8, halfWidth: u16() / 8, halfHeight: u16() / 8 });
    }
  }

  /** How an event looks; null when there is nothing to see. */
  describeEvent(event: GameEvent): DescribedEvent | null {
    switch (event.name) {
      case "melee":
        return { kind: "swing", radius: this.meleeRange };
      case "shot": {
        const angle = radiansOf(event.a);
        const distance = event.b / 32;
        return {
          kind: "shot",
          toX: event.x + Math.cos(angle) * distance,
          toY: event.y + Math.sin(angle) * distance,
          ticks: Math.max(2, distance / this.shotSpeed / TICK_S),
        };
      }
      case "hit":
        return { kind: "hit", text: event.a > 0 ? `−${event.a}` : "" };
      case "death":
        return { kind: "death" };
      case "spawn":
        return { kind: "spawn" };
      case "dash":
        return { kind: "skill", radius: 0 };
      case "ward":
        return { kind: "heal", text: event.a > 0 ? `+${event.a}` : "" };
      case "blast":
        return { kind: "skill", radius: event.a / 32 };
      case "pickup":
        return { kind: "pickup" };
      default:
        return null;
    }
  }
}

/** Finds the fields of arena's tables in the schema that the server sent. */
export class ArenaFields {
  readonly tables: Array<{ table: TableState; kind: ActorKind }> = [];
  private heading = -1;
  private health = -1;
  private flags = -1;
  private score = -1;
  private pickupKind = -1;

  constructor(state: StateDecoder) {
    for (const table of state.tables) {
      if (table.xField < 0 || table.yField < 0) continue;
      if (table.index === 0) {
        this.heading = table.field("heading");
        this.health = table.field("health");
        this.flags = table.field("flags");
        this.score = table.field("score");
        this.tables.push({ table, kind: "player" });
      } else {
        this.pickupKind = table.field("kind");
        this.tables.push({ table, kind: "pickup" });
      }
    }
  }

  /** Copies what `entity` says into its actor. */
  read(entity: Entity, actor: Actor, map: ArenaMap): void {
    const { values, table } = entity;
    const at = (field: number, otherwise: number): number => (field >= 0 ? values[field] : otherwise);
    showActor(actor, map, entity.tick, {
      x: values[table.xField],
      y: values[table.yField],
      heading: at(this.heading, 0),
      health: at(this.health, map.fullHealth * HEALTH_UNIT),
      score: at(this.score, 0),
      flags: at(this.flags, 0),
      variety: at(this.pickupKind, 0),
    });
  }
}

/** What a state tells of an actor, in the fields' own units. */
export interface Sighting {
  x: number;
  y: number;
  heading: number;
  health: number;
  score: number;
  flags: number;
  /** Of a pickup, its kind. */
  variety: number;
}

/** Copies what a tick's state tells into the actor. */
export function showActor(actor: Actor, map: ArenaMap, tick: number, seen: Sighting): void {
  if (actor.kind === "pickup") {
    actor.track.push(tick, seen.x, seen.y, 0, 0);
    actor.variety = seen.variety;
    return;
  }
  actor.track.push(tick, seen.x, seen.y, radiansOf(seen.heading), 6 + map.speed * 0.25);
  actor.health = Math.max(0, Math.min(1, seen.health / HEALTH_UNIT / map.fullHealth));
  actor.score = seen.score;
  actor.flags = seen.flags;
  actor.dead = (seen.flags & Flag.dead) !== 0;
}
