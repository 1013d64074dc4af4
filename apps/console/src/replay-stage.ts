// A recorded battle as painter and effects show it: actors from the simulation's tables.
import type { Columns, Simulation, SimulationTable } from "@drumline/client";
import { ArenaMap, showActor } from "./arena";
import { Actor, actorKey, hueOf, keyOf, type Stage } from "./scene";

const FIXED_ONE = 65536;
/** Of the table "seats": 24 bytes of name. */
const NAME_FIELDS = ["name_0", "name_1", "name_2"];

export class ReplayStage implements Stage {
  readonly map: ArenaMap;
  readonly actors = new Map<number, Actor>();
  private readonly people = new Map<number, { generation: number; name: string }>();
  renderTick = 0;
  readonly ownKey = -1;
  readonly self = undefined;
  private readonly shown: SimulationTable[];
  private readonly seats: SimulationTable | undefined;

  constructor(private readonly simulation: Simulation) {
    const { map, tables } = simulation;
    this.map = new ArenaMap(map.width, map.height, simulation.mapDescription());
    this.shown = tables.filter(({ fields }) => fields.some((f) => f.role === "x") && fields.some((f) => f.role === "y"));
    this.seats = simulation.table("seats");
  }

  get ownRenderTick(): number {
    return this.renderTick;
  }

  byEntity(id: bigint): Actor | undefined {
    return id === 0n ? undefined : this.actors.get(keyOf(id));
  }

  /** After a jump to another tick: nothing moves from there to here. */
  clear(): void {
    this.actors.clear();
  }

  /** Takes the state as it stands. */
  observe(): void {
    const { tick } = this.simulation;
    this.readNames();
    for (const table of this.shown) this.observeTable(table, tick);
    for (const [key, actor] of this.actors) if (actor.lastTick !== tick) this.actors.delete(key);
  }

  /** Puts every actor where it is to be drawn. */
  animate(renderTick: number): void {
    this.renderTick = renderTick;
    for (const actor of this.actors.values()) actor.track.sample(renderTick);
  }

  /** Seats that are taken. */
  get players(): number {
    return this.people.size;
  }

  /** Of who sits there; "" when nobody does. */
  nameOfSeat(seat: number): string {
    return this.people.get(seat)?.name ?? "";
  }

  private readNames(): void {
    if (!this.seats) return;
    const columns = this.simulation.columns(this.seats);
    const { slots, generations } = columns;
    const taken = new Set(slots);
    for (const seat of this.people.keys()) if (!taken.has(seat)) this.people.delete(seat);
    const parts = NAME_FIELDS.map((name) => columnOf(this.seats!, columns, name));
    slots.forEach((seat, i) => {
      // A name stays for as long as the seat has its owner.
      if (this.people.get(seat)?.generation === generations[i]) return;
      const bytes = new DataView(new ArrayBuffer(NAME_FIELDS.length * 8));
      parts.forEach((part, n) => bytes.setBigInt64(n * 8, part?.[i] ?? 0n, true));
      const name = new TextDecoder().decode(bytes.buffer).replace(/\0.*$/s, "");
      this.people.set(seat, { generation: generations[i], name });
    });
  }

  private observeTable(table: SimulationTable, tick: number): void {
    const columns = this.simulation.columns(table);
    const x = columns.values[table.fields.findIndex((f) => f.role === "x")];
    const y = columns.values[table.fields.findIndex((f) => f.role === "y")];
    // As in the state frames: the first table holds the players.
    const kind = table.index === 0 ? "player" : "pickup";
    const number = (name: string): ((i: number) => number) => {
      const column = columnOf(table, columns, name);
      return (i) => Number(column?.[i] ?? 0n);
    };
    const [seat, heading, score, variety] = ["seat", "heading", "score", "kind"].map(number);
    // What these mean depends on the game; arena's players are known here.
    const isArena = this.simulation.game === "arena";
    const flags = number(isArena ? "flags" : "");
    const health = isArena ? number("health") : () => Infinity;
    columns.slots.forEach((slot, i) => {
      const key = actorKey(table.index, slot);
      let actor = this.actors.get(key);
      if (!actor || actor.generation !== columns.generations[i]) {
        actor = new Actor(key, columns.generations[i]);
        actor.kind = kind;
        this.actors.set(key, actor);
      }
      if (kind === "player") {
        actor.player = seat(i);
        actor.hue = hueOf(actor.player);
        actor.name = this.nameOfSeat(actor.player);
      }
      actor.lastTick = tick;
      showActor(actor, this.map, tick, {
        x: Number(x[i]) / FIXED_ONE,
        y: Number(y[i]) / FIXED_ONE,
        heading: heading(i),
        health: health(i),
        score: score(i),
        flags: flags(i),
        variety: variety(i),
      });
    });
  }
}

/** Undefined when the table has no such field. */
export function columnOf(table: SimulationTable, columns: Columns, name: string): BigInt64Array | undefined {
  return columns.values[table.fields.findIndex((field) => field.name === name)];
}
