// What a room is told and tells: options, states, why it ended.
import type { Seat, SyncModel } from "./messages";
import type { SimulationModule } from "./simulation";
import type { Connect } from "./transport";

/** Why a session ended (src/transport/session.hpp, CloseCode). */
export enum CloseCode {
  none = 0,
  server_stopping = 1,
  bad_frame = 2,
  bad_message = 3,
  too_large = 4,
  too_slow = 5,
  flood = 6,
  unauthenticated = 7,
  token_expired = 8,
  no_such_battle = 9,
  battle_full = 10,
  replaced = 11,
  idle = 12,
  version = 13,
  internal = 14,
  battle_over = 15,
  overloaded = 16,
}

/** "between": connected, and in no battle. */
export type ConnectionState = "connecting" | "connected" | "between" | "reconnecting" | "left";

export interface CommandOptions {
  /** Direction or aim, −1 … 1 each; sent in 1/32767ths. */
  x?: number;
  y?: number;
  target?: bigint;
  skill?: number;
}

export interface RoomOptions {
  name: string;
  seat: Seat;
  battle: bigint;
  game: string;
  simulation?: SimulationModule;
  model?: SyncModel;
  follow?: number;
  reconnectToken?: Uint8Array;
  /** Gives the address for one attempt, token included. */
  address: () => Promise<string>;
  connect: Connect;
  reconnect: ReconnectOptions;
}

export interface ReconnectOptions {
  /** 0: a lost connection ends the room. */
  maxAttempts: number;
  firstDelayMs: number;
  maxDelayMs: number;
  /** When the battle is over, goes on in another one that has room; false: the room ends. */
  nextBattle: boolean;
}

export interface NextBattle {
  /** A certain battle; 0 or none: any that has room. */
  battle?: bigint;
  seat?: Seat;
  /** Of a spectator: as JoinOptions has it. */
  follow?: number;
}

export class RefusedError extends Error {
  constructor(readonly code: number, reason: string) {
    super(reason);
  }
}
