// A room's prediction of the own entity: begins anew with each Welcome, and where it
// cannot be, or breaks, the room goes on without.
import type { WelcomeMessage } from "./messages";
import type { Prediction } from "./prediction";
import type { SimulationModule } from "./simulation";

export class RoomPrediction {
  /** Why there is none; "" while there is, or nobody asked for it. */
  failure = "";
  private simulation: { module: SimulationModule; rules: string } | null = null;
  private prediction: Prediction | null = null;

  get running(): boolean {
    return this.prediction !== null;
  }

  ask(module: SimulationModule, rules: string): void {
    this.simulation = { module, rules };
  }

  /** A session begins. */
  begin(welcome: WelcomeMessage): void {
    this.prediction = null;
    this.failure = "";
    if (!this.simulation || welcome.entityId === 0n) return;
    const { module, rules } = this.simulation;
    try {
      this.prediction = module.predict(welcome, rules);
    } catch (error) {
      this.failure = (error as Error).message;
    }
  }

  /** Null when there is none. */
  run<T>(call: (prediction: Prediction) => T): T | null {
    if (!this.prediction) return null;
    try {
      return call(this.prediction);
    } catch (error) {
      this.prediction = null;
      this.failure = (error as Error).message;
      return null;
    }
  }
}
