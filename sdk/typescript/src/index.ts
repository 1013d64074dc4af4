export { Client, fitName, type ClientOptions, type JoinOptions } from "./client";
export {
  CloseCode,
  RefusedError,
  Room,
  type CommandOptions,
  type ConnectionState,
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
export { TickClock, Track, turn } from "./interpolation";
export {
  webSocketConnect,
  type Connect,
  type Transport,
  type TransportHandlers,
  type WebSocketConstructor,
} from "./transport";
export * from "./messages";
export { crc16, encodeFrame, FrameError, FrameReader } from "./frame";
