// What a room needs of a connection: a reliable channel of frames and an
// unreliable one of state frames. WebSocket carries both in one ordered stream
// of binary messages; webtransport.ts carries them as a stream and datagrams
// behind this same interface.

/** First byte of a state frame (docs/formats/state-frame.md). */
export const STATE_FRAME_KIND = 0x01;
/** Of a lockstep frame (docs/formats/lockstep-frame.md). */
export const LOCKSTEP_FRAME_KIND = 0x02;
export const SUBPROTOCOL = "drumline.v1";
/** Close codes of ours are this + CloseCode, whatever the transport. */
export const CLOSE_CODE_BASE = 4000;

export interface TransportHandlers {
  onOpen(): void;
  /** Bytes of the reliable channel, in order; no message boundaries. */
  onReliable(bytes: Uint8Array): void;
  /** One whole datagram of the unreliable channel. */
  onDatagram(bytes: Uint8Array): void;
  /** Exactly once, also when the connection never came to be. Nothing follows it. */
  onClose(code: number, reason: string): void;
}

export interface Transport {
  /** False when it could not be queued: the connection is not open. */
  sendReliable(bytes: Uint8Array): boolean;
  /** Bytes accepted and not yet on their way. */
  readonly bufferedBytes: number;
  /** "webtransport", "websocket" or a name of one's own; "" while it is not decided. */
  readonly kind?: string;
  close(): void;
}

export type Connect = (url: string, handlers: TransportHandlers) => Transport;

/** The part of the standard WebSocket that is used, so that Node can bring its own. */
export interface WebSocketLike {
  binaryType: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(data: Uint8Array): void;
  close(code?: number, reason?: string): void;
}
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

const OPEN = 1;

export class WebSocketTransport implements Transport {
  readonly kind = "websocket";
  private socket: WebSocketLike;
  private closed = false;

  constructor(url: string, private handlers: TransportHandlers, constructor: WebSocketConstructor) {
    const socket = new constructor(url, [SUBPROTOCOL]);
    this.socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      if (!this.closed) handlers.onOpen();
    };
    socket.onmessage = (event) => {
      if (this.closed) return;
      if (typeof event.data === "string") {
        this.finish(1003, "the server sent text where only binary messages are spoken");
        return;
      }
      const bytes = new Uint8Array(event.data as ArrayBuffer);
      const isDatagram = bytes[0] === STATE_FRAME_KIND || bytes[0] === LOCKSTEP_FRAME_KIND;
      if (isDatagram) handlers.onDatagram(bytes);
      else handlers.onReliable(bytes);
    };
    socket.onerror = () => {}; // onclose follows with what is known
    socket.onclose = (event) => this.finish(event.code ?? 1006, String(event.reason ?? ""));
  }

  sendReliable(bytes: Uint8Array): boolean {
    if (this.closed || this.socket.readyState !== OPEN) return false;
    this.socket.send(bytes);
    return true;
  }

  get bufferedBytes(): number {
    return this.socket.bufferedAmount;
  }

  close(): void {
    this.finish(1000, "");
  }

  private finish(code: number, reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.socket.onmessage = null;
    this.socket.close();
    this.handlers.onClose(code, reason);
  }
}

export function webSocketConnect(constructor?: WebSocketConstructor): Connect {
  return (url, handlers) => {
    const chosen = constructor ?? ((globalThis as any).WebSocket as WebSocketConstructor | undefined);
    if (!chosen) {
      throw new Error("there is no WebSocket here: pass one as `webSocket` (Node before 22: the package ws)");
    }
    return new WebSocketTransport(url, handlers, chosen);
  };
}
