// What is on the map, ready to be drawn: an actor for each entity, its track
// through time, and its name.
import {
  entityId,
  splitEntityId,
  TickClock,
  Track,
  type Entity,
  type Room,
  type RosterEntry,
  type Shown,
  type StateDecoder,
  type WelcomeMessage,
} from "@drumline/client";
import { ArenaFields, type ActorKind, type ArenaMap } from "./arena";
import type { Camera } from "./camera";

export class Actor {
  readonly track = new Track();
  kind: ActorKind = "player";
  /** What of its kind: of a pickup, which. */
  variety = 0;
  /** Degrees on the colour circle. */
  hue = 0;
  name = "";
  player = -1;
  /** 0 … 1 */
  health = 1;
  score = 0;
  /** Bits of arena's Flag. */
  flags = 0;
  dead = false;
  /** Render tick until which it glows from a hit. */
  flashUntil = -1;
  lastTick = -1;
  /** Ticks between its states, smoothed: those far away come less often. */
  gapTicks = 1;
  gaps = 0;
  /** Drawn so much further back than its neighbours, ticks. */
  lagTicks = 0;
  /** performance.now() when it was last known. */
  lastSeenMs = 0;
  born = 0;

  constructor(readonly key: number, readonly generation: number) {}

  get entityId(): bigint {
    return entityId(Math.floor(this.key / 2 ** 32), this.generation, this.key % 2 ** 32);
  }
  get x(): number {
    return this.track.x;
  }
  get y(): number {
    return this.track.y;
  }
}

/** What painter, small map and effects show: a live battle (Scene) or a recorded one. */
export interface Stage {
  readonly map: ArenaMap;
  readonly actors: ReadonlyMap<number, Actor>;
  /** The tick that is on the screen, with a fraction. */
  readonly renderTick: number;
  /** The same for the own player, who is drawn nearer to now. */
  readonly ownRenderTick: number;
  /** The own player; −1 when there is none. */
  readonly ownKey: number;
  readonly self: Actor | undefined;
  byEntity(id: bigint): Actor | undefined;
}

/** A longer silence about an entity is not the rhythm in which it is sent. */
const MAX_GAP_TICKS = 32;
/** Without prediction the own player is drawn so far in the past. */
export const OWN_DELAY_TICKS = 2.5;
/** Entities that leave one part of the map for another may be unknown for a moment. */
const LINGER_MS = 180;

/** How near a click must be, pixels. */
const CLICK_REACH = 22;

/** The nearest actor to a point of the screen; null when none is near. */
export function actorAt(
  stage: Stage,
  camera: Camera,
  screenX: number,
  screenY: number,
  counts: (actor: Actor) => boolean = () => true,
): Actor | null {
  let best: Actor | null = null;
  let bestDistance = CLICK_REACH;
  for (const actor of stage.actors.values()) {
    if (!counts(actor)) continue;
    const distance = Math.hypot(camera.screenX(actor.x) - screenX, camera.screenY(actor.y) - screenY);
    if (distance < bestDistance) [best, bestDistance] = [actor, distance];
  }
  return best;
}

export const actorKey = (table: number, slot: number): number => table * 2 ** 32 + slot;

export function keyOf(id: bigint): number {
  const { table, slot } = splitEntityId(id);
  return actorKey(table, slot);
}

/** Spreads players over the colour circle. */
export const hueOf = (player: number): number => (player * 137.508 + 200) % 360;

export class Scene implements Stage {
  readonly actors = new Map<number, Actor>();
  /** Of the connection's seat, when it has one. */
  ownKey = -1;
  readonly clock: TickClock;
  renderTick = 0;
  ownRenderTick = 0;
  tick = 0;
  players = 0;
  /** Names by player slot. */
  readonly names = new Map<number, string>();
  private readonly ownerByKey = new Map<number, { player: number; generation: number }>();
  private readonly keyByPlayer = new Map<number, number>();
  private fields: ArenaFields;
  private lastStateMs = 0;
  private readonly tickMs: number;
  /** Of the own entity and the others, while the room predicts; else null. */
  shown: Shown | null = null;
  /** Where the own player was told to look, radians; NaN while he was told nothing. */
  facing = NaN;

  constructor(private readonly room: Room, readonly map: ArenaMap) {
    this.tickMs = room.welcome.tickMs;
    this.clock = new TickClock(this.tickMs);
    this.fields = new ArenaFields(room.state);
  }

  /** After a welcome: the tables and who we are may have changed. */
  welcome(welcome: WelcomeMessage, state: StateDecoder): void {
    this.fields = new ArenaFields(state);
    this.clock.reset();
    this.facing = NaN;
    this.ownKey = welcome.entityId === 0n ? -1 : keyOf(welcome.entityId);
    for (const actor of this.actors.values()) actor.lastTick = -1;
  }

  setRoster(roster: ReadonlyMap<number, RosterEntry>): void {
    this.names.clear();
    this.ownerByKey.clear();
    this.keyByPlayer.clear();
    for (const [player, { entityId: id, name }] of roster) {
      this.names.set(player, name);
      const key = keyOf(id);
      this.ownerByKey.set(key, { player, generation: splitEntityId(id).generation });
      this.keyByPlayer.set(player, key);
    }
    for (const actor of this.actors.values()) this.own(actor);
  }

  /** Takes a new state. */
  update(state: StateDecoder, nowMs: number): void {
    this.tick = state.tick;
    this.lastStateMs = nowMs;
    this.players = state.players;
    this.clock.observe(state.tick, this.room.time.at(nowMs));
    for (const { table, kind } of this.fields.tables) {
      for (const entity of table.entities.values()) this.updateEntity(entity, kind, nowMs);
    }
  }

  private updateEntity(entity: Entity, kind: ActorKind, nowMs: number): void {
    const key = actorKey(entity.table.index, entity.slot);
    let actor = this.actors.get(key);
    if (actor && actor.generation > entity.generation) return; // the slot has a new owner
    if (!actor || actor.generation < entity.generation) {
      actor = new Actor(key, entity.generation);
      actor.kind = kind;
      actor.hue = hueOf(entity.slot);
      actor.born = nowMs;
      this.actors.set(key, actor);
      this.own(actor);
    }
    actor.lastSeenMs = nowMs;
    if (entity.tick === actor.lastTick) return;
    const gap = entity.tick - actor.lastTick;
    if (actor.lastTick >= 0 && gap <= MAX_GAP_TICKS) {
      if (kind === "player") this.clock.observeGap(gap);
      // The first gap is all that is known of the rhythm.
      const share = actor.gaps++ === 0 ? 1 : gap > actor.gapTicks ? 0.3 : 0.05;
      actor.gapTicks += (gap - actor.gapTicks) * share;
    }
    actor.lastTick = entity.tick;
    this.fields.read(entity, actor, this.map);
  }

  private own(actor: Actor): void {
    const owner = this.ownerByKey.get(actor.key);
    if (!owner || owner.generation !== actor.generation) return;
    actor.player = owner.player;
    actor.hue = hueOf(owner.player);
    actor.name = this.names.get(owner.player) ?? "";
  }

  /** Puts every actor where it is to be drawn now. */
  animate(nowMs: number): void {
    const now = this.clock.tickAt(this.room.time.at(nowMs));
    const before = this.renderTick;
    this.shown = this.room.shown(nowMs);
    this.renderTick = advance(before, this.shown ? this.shown.othersTick : now - this.delayMs / this.tickMs);
    // What the own player did is drawn when it is heard of, as he is in it already.
    this.ownRenderTick = advance(this.ownRenderTick, this.shown ? now : now - OWN_DELAY_TICKS);
    const passed = Math.max(0, this.renderTick - before);
    for (const [key, actor] of this.actors) {
      if (nowMs - actor.lastSeenMs > LINGER_MS) {
        // While nothing arrives at all (reconnecting), what is there stays.
        if (nowMs - this.lastStateMs < LINGER_MS) this.actors.delete(key);
      }
      if (key === this.ownKey) this.placeSelf(actor);
      else actor.track.sample(this.renderTick - this.lagOf(actor, passed));
    }
  }

  /** How far in the past the others are drawn, milliseconds. */
  get delayMs(): number {
    return this.shown ? this.shown.othersDelayMs : this.clock.delayMs;
  }

  private placeSelf({ track }: Actor): void {
    track.sample(this.ownRenderTick);
    if (!this.shown) return;
    [track.x, track.y] = [this.shown.x, this.shown.y];
    if (!Number.isNaN(this.facing)) track.angle = this.facing;
  }

  /** The common delay is right for those whose state comes in every frame; the rest lie further back. */
  private lagOf(actor: Actor, passedTicks: number): number {
    if (!this.shown) return 0;
    const wanted = Math.max(0, actor.gapTicks + 0.5 - this.delayMs / this.tickMs);
    // Eased, so that nobody seems to slow down or hurry.
    const most = passedTicks / 10;
    actor.lagTicks += Math.max(-most, Math.min(most, wanted - actor.lagTicks));
    return actor.lagTicks;
  }

  get self(): Actor | undefined {
    return this.ownKey >= 0 ? this.actors.get(this.ownKey) : undefined;
  }

  byEntity(id: bigint): Actor | undefined {
    return id === 0n ? undefined : this.actors.get(keyOf(id));
  }

  byPlayer(player: number): Actor | undefined {
    const key = this.keyByPlayer.get(player);
    return key === undefined ? undefined : this.actors.get(key);
  }
}

/** Time on the screen never runs backwards, but follows a jump. */
function advance(from: number, to: number): number {
  return to < from && from - to < 20 ? from : to;
}
