export { Client, fitName, type ClientOptions, type JoinOptions } from "./client";
export { Room } from "./room";
export { BattleTime } from "./battle-time";
export {
  CloseCode,
  RefusedError,
  type CommandOptions,
  type ConnectionState,
  type NextBattle,
  type ReconnectOptions,
} from "./room-options";
export {
  Entity,
  entityId,
  splitEntityId,
  StateDecoder,
  TableState,
  type GameEvent,
} from "./state-decoder";
export { loadSimulation, Simulation, SimulationModule, type StepOutcome } from "./simulation";
export {
  BattleView,
  type Columns,
  type FieldType,
  type Row,
  type SimulationField,
  type SimulationTable,
} from "./battle-view";
export { Lockstep, type LockstepState } from "./lockstep";
export { SimulationError } from "./instance";
export { Prediction, type PredictedCommand, type Shown } from "./prediction";
export { MAX_RECORDING_BYTES, Recording, type Damage, type StoredState } from "./recording";
export { Replay, type Mismatch } from "./replay";
export { TickClock, Track, turn } from "./interpolation";
export {
  webSocketConnect,
  type Connect,
  type Transport,
  type TransportHandlers,
  type WebSocketConstructor,
} from "./transport";
export { preferWebTransport, type WebTransportAddress } from "./webtransport";
export { MalformedError } from "./bytes";
export * from "./messages";
export { crc16, encodeFrame, FrameError, FrameReader } from "./frame";
