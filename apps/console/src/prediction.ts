// Prediction of the own player, as the page uses it: simulation.wasm is loaded once, and
// what the player feels of the way to the server is measured.
import { loadSimulation, type Room, type SimulationModule } from "@drumline/client";
import { OWN_DELAY_TICKS, type Scene } from "./scene";

let loading: Promise<SimulationModule> | null = null;

/** Lets the room predict, as soon as the simulation is here. `failed` is told why it cannot be. */
export async function predictIn(room: Room, failed: (reason: string) => void): Promise<void> {
  try {
    loading ??= loadSimulation("simulation.wasm");
    room.predict(await loading);
    if (room.predictionFailure) failed(room.predictionFailure);
  } catch (error) {
    loading = null; // Perhaps next time.
    failed((error as Error).message);
  }
}

/** Shorter ones are the fraction of a unit that states do not carry. */
const VISIBLE_CORRECTION = 1 / 16;

export interface InputFigures {
  predicted: boolean;
  /** From pressing a key to the first frame that shows it, milliseconds; NaN before the first. */
  shownMs: number;
  /** From the command to the first state that contains it. */
  countedMs: number;
  /** The longest correction that was being hidden in the last second, map units. */
  correction: number;
  /** Since joining: corrections that could have been seen, and the longest. */
  corrections: number;
  longest: number;
}

/** Looks at each drawn frame. */
export class InputMeter {
  private shownMs = NaN;
  private corrections = 0;
  private longest = 0;
  private lastOffset = 0;
  private correction = 0;

  /** A frame was drawn; `inputMs`: when the input came that it shows first, NaN for none. */
  observe(scene: Scene, room: Room, inputMs: number, nowMs: number): void {
    const { shown } = scene;
    if (!shown) {
      // Then it is seen when the server's state comes, and that is drawn a little later.
      this.shownMs = room.commandMs + OWN_DELAY_TICKS * room.welcome.tickMs;
      return;
    }
    if (!Number.isNaN(inputMs)) this.shownMs = Math.max(0, nowMs - inputMs);
    if (shown.offset > this.lastOffset + VISIBLE_CORRECTION) this.corrections++;
    this.lastOffset = shown.offset;
    this.correction = Math.max(this.correction, shown.offset);
    this.longest = Math.max(this.longest, shown.offset);
  }

  reset(): void {
    this.shownMs = NaN;
    this.corrections = this.longest = this.lastOffset = this.correction = 0;
  }

  /** Of the last second; call it once a second. */
  take(scene: Scene, room: Room): InputFigures {
    const { shownMs, corrections, longest, correction } = this;
    this.correction = 0;
    return { predicted: scene.shown !== null, shownMs, countedMs: room.commandMs, correction, corrections, longest };
  }
}
