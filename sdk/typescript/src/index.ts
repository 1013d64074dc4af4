export { Client, fitName, type ClientOptions, type JoinOptions } from "./client";
export {
  CloseCode,
  RefusedError,
  Room,
  type CommandOptions,
  type ConnectionState,
  type NextBattle,
  type ReconnectOptions,
} from "./room";
export {
  Entity,
  entityId,
  splitEntityId,
  StateDecoder,
  TableState,
  type GameEvent,
} from "./state-decoder";
export {
  loadSimulation,
  Simulation,
  SimulationError,
  SimulationModule,
  type Columns,
  type FieldType,
  type Row,
  type SimulationField,
  type SimulationTable,
  type StepOutcome,
} from "./simulation";
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
export { MalformedError } from "./bytes";
export * from "./messages";
export { crc16, encodeFrame, FrameError, FrameReader } from "./frame";
