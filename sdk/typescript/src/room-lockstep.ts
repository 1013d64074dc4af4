// A room's side of lockstep: begins anew with each Welcome whose battle is played so.
import type { BattleView } from "./battle-view";
import type { Lockstep, LockstepState } from "./lockstep";
import {
  encodeDesync,
  encodeStatePart,
  SyncModel,
  type SnapshotPartMessage,
  type SyncAck,
  type TicksMessage,
  type WelcomeMessage,
} from "./messages";
import type { PredictedCommand } from "./prediction";
import type { SimulationModule } from "./simulation";

export class RoomLockstep {
  private lockstep: Lockstep | null = null;
  private newest: LockstepState | null = null;

  /** `tell` sends on the reliable channel. */
  constructor(
    private readonly module: SimulationModule | undefined,
    private readonly tell: (payload: Uint8Array) => void,
  ) {}

  get running(): boolean {
    return this.lockstep !== null;
  }

  /** As of the last advance(); null while nothing runs. */
  get state(): LockstepState | null {
    return this.newest;
  }

  get sync(): SyncAck | undefined {
    if (!this.newest) return undefined;
    return { tick: this.newest.confirmedTick % 2 ** 32, hash: this.newest.confirmedHash };
  }

  /** A session begins. Throws when the simulation is another than the server's. */
  begin(welcome: WelcomeMessage): void {
    this.newest = null;
    this.lockstep = this.module && welcome.model === SyncModel.lockstep ? this.module.lockstep(welcome) : null;
  }

  onMessage(message: SnapshotPartMessage | TicksMessage): void {
    if (message.type === "ticks") this.lockstep?.onTicks(message);
    else this.lockstep?.onSnapshotPart(message);
  }
  onFrame(datagram: Uint8Array, nowMs: number): void {
    this.lockstep?.onFrame(datagram, nowMs);
  }
  onRefused(sequence: number): void {
    this.lockstep?.onRefused(sequence);
  }
  onRoundTrip(sampleMs: number, nowMs: number): void {
    this.lockstep?.onRoundTrip(sampleMs, nowMs);
  }

  issue(command: PredictedCommand, nowMs: number): number {
    return this.lockstep?.issue(command, nowMs) ?? 0;
  }

  /** Brings the battle to `nowMs`; what to show, null while it does not run. */
  advance(nowMs: number): BattleView | null {
    if (!this.lockstep) return null;
    this.lockstep.advance(nowMs);
    this.newest = this.lockstep.state();
    for (const message of this.lockstep.takeMessages()) {
      this.tell(message.type === "desync" ? encodeDesync(message) : encodeStatePart(message));
    }
    return this.lockstep.shown();
  }
}
