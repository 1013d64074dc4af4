// Plays a whole recording once, in the background, to learn what the timeline
// shows: who joined and died when, and whether every state hash is the recorded one.
import { Replay, type Recording, type SimulationModule } from "@drumline/client";
import { columnOf } from "./replay-stage";

/** Long enough to come along, short enough that the page does not feel it. */
const SLICE_MS = 7;
/** More than this nobody tells apart on a timeline. */
const MAX_MARKERS = 100_000;
/** What arena and duel call it. */
const DEATHS = ["death", "knockout"];

export class Survey {
  readonly joins: number[] = [];
  readonly deaths: number[] = [];
  done = false;
  private readonly replay: Replay;
  private stopped = false;

  constructor(module: SimulationModule, private readonly recording: Recording) {
    this.replay = new Replay(module, recording);
    this.goOn();
  }

  /** The last tick that was played and compared. */
  get tick(): number {
    return this.replay.tick;
  }

  get mismatches(): Replay["mismatches"] {
    return this.replay.mismatches;
  }

  stop(): void {
    this.stopped = true;
  }

  private goOn(): void {
    if (this.stopped || this.done) return;
    const end = performance.now() + SLICE_MS;
    try {
      while (!this.done && performance.now() < end) this.step();
    } catch (error) {
      // The page's own replay comes to the same place and says so.
      console.warn("the recording cannot be surveyed:", error);
      this.done = true;
    }
    // A pause as long as the work leaves the other half to the page.
    setTimeout(() => this.goOn(), SLICE_MS);
  }

  private step(): void {
    const { replay, recording } = this;
    if (!replay.step()) {
      const next = recording.states.find((state) => state.tick > replay.tick);
      if (next) replay.seek(next.tick);
      // A kept state that does not hold leaves it before the damage.
      this.done = !next || replay.tick < next.tick;
      return;
    }
    this.mark(replay.tick);
  }

  private mark(tick: number): void {
    const { simulation } = this.replay;
    if (this.deaths.length < MAX_MARKERS) {
      for (const event of simulation.events()) if (DEATHS.includes(event.name)) this.deaths.push(tick);
    }
    const seats = simulation.table("seats");
    if (!seats || this.joins.length >= MAX_MARKERS) return;
    const joined = columnOf(seats, simulation.columns(seats), "joined_tick");
    joined?.forEach((at) => {
      if (Number(at) === tick) this.joins.push(tick);
    });
  }
}
