// Plays a recording by the simulation: forward tick by tick, and to any tick.
import { MalformedError } from "./bytes";
import type { Recording } from "./recording";
import { SimulationError } from "./instance";
import type { Simulation, SimulationModule } from "./simulation";

/** A tick whose state is another one than the one recorded. */
export interface Mismatch {
  readonly tick: number;
  readonly hash: bigint;
  readonly recordedHash: bigint;
}

export class Replay {
  readonly simulation: Simulation;
  /** Of the ticks that were played, each tick once, in the order in which they were found. */
  readonly mismatches = new Map<number, Mismatch>();
  /** What kept the last step or seek from going on; "" when nothing did. */
  obstacle = "";

  /**
   * Stands at the recording's first tick. Throws SimulationError when it is of another
   * simulation, naming both ids: the same inputs would lead somewhere else.
   */
  constructor(module: SimulationModule, readonly recording: Recording) {
    if (recording.simulation !== module.id) {
      throw new SimulationError(
        `the recording is of simulation ${recording.simulation}, and ${module.id} is the one here: they need not play alike`,
      );
    }
    this.simulation = module.fromParts(recording.info, recording.states[0].content);
    if (this.simulation.tick !== recording.firstTick) {
      throw new MalformedError(`the recording's first state is of tick ${this.simulation.tick}, not ${recording.firstTick}`);
    }
  }

  get tick(): number {
    return this.simulation.tick;
  }

  get atEnd(): boolean {
    return this.tick >= this.recording.lastTick;
  }

  /** One tick further; false at the end, and where a damaged tick is in the way. */
  step(): boolean {
    this.obstacle = "";
    if (this.atEnd) return false;
    const next = this.tick + 1;
    const payload = this.recording.tick(next);
    if (!payload) {
      this.obstacle = `tick ${next} is damaged in the file and cannot be played`;
      return false;
    }
    try {
      const { tick, hash, recordedHash } = this.simulation.step(payload);
      if (hash !== recordedHash && !this.mismatches.has(tick)) this.mismatches.set(tick, { tick, hash, recordedHash });
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      this.obstacle = `tick ${next}: ${error.message}`;
      return false;
    }
    return true;
  }

  /**
   * Goes to a tick (or the nearest one that there is): by the last state kept before it,
   * unless stepping from here is not longer. A kept state that does not hold is passed
   * over for the one before it. Stops early where a damaged tick is in the way.
   */
  seek(tick: number): void {
    const { recording } = this;
    const target = Math.min(Math.max(tick, recording.firstTick), recording.lastTick);
    this.obstacle = "";
    let from = recording.stateBefore(target);
    while (this.tick > target || from.tick > this.tick) {
      try {
        this.simulation.restore(from.content);
        break;
      } catch (error) {
        if (!(error instanceof SimulationError) || from.tick === recording.firstTick) throw error;
        from = recording.stateBefore(from.tick - 1);
      }
    }
    while (this.tick < target && this.step());
  }
}
