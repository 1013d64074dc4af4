// A room's way to its server: one connection after another, frames in and out, and how
// long the way is. What the frames say, and whether to come back, is the room's.
import { encodeFrame, FrameReader } from "./frame";
import { encodePing } from "./messages";
import { CloseCode, type ReconnectOptions } from "./room-options";
import { CLOSE_CODE_BASE, type Connect, type Transport } from "./transport";

const WELCOME_TIMEOUT_MS = 10_000;
/** A server that says nothing for this long is not there. */
const SILENCE_LIMIT_MS = 10_000;
const MAX_PINGS = 16;

export interface LinkOptions {
  /** Gives the address for one attempt, token included. */
  address: () => Promise<string>;
  connect: Connect;
  reconnect: ReconnectOptions;
}

export interface LinkHandlers {
  onOpen(): void;
  /** A whole frame of the reliable channel. Whatever it throws ends the connection. */
  onFrame(payload: Uint8Array): void;
  onDatagram(bytes: Uint8Array): void;
  /** The connection ended; `code` is a CloseCode, −1 when nobody said one. */
  onClose(code: number, reason: string): void;
  /** There was none: no address, or no transport. */
  onFailure(reason: string): void;
}

export class RoomLink {
  /** Round trip of the last ping, milliseconds; NaN before the first. */
  roundTripMs = NaN;
  /** Attempts since the last one that came to a Welcome. */
  attempts = 0;
  bytesIn = 0;
  messagesIn = 0;

  private transport: Transport | null = null;
  /** The one that brought the last Welcome. */
  private greeted: Transport | null = null;
  private reader = new FrameReader();
  private retryAfterMs = 0;
  private lastCode = -1;
  private lastReason = "";
  private lastHeardMs = 0;
  private pings = new Map<bigint, number>();
  private nextNonce = 1n;
  private lastPingMs = -Infinity;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private ended = false;

  constructor(private readonly options: LinkOptions, private readonly handlers: LinkHandlers) {}

  /** The CloseCode that the server or the transport gave since the last attempt; −1: none. */
  get code(): number {
    return this.lastCode;
  }

  /** What carries the connection; "" while there is none. */
  get transportKind(): string {
    return this.transport?.kind ?? "";
  }

  get isExhausted(): boolean {
    return this.attempts >= this.options.reconnect.maxAttempts;
  }

  async attempt(): Promise<void> {
    this.attempts++;
    this.lastCode = -1;
    this.lastReason = "";
    this.reader.reset();
    let address: string;
    try {
      address = await this.options.address();
    } catch (error) {
      if (!this.ended) this.handlers.onFailure(`no address: ${(error as Error).message}`);
      return;
    }
    if (this.ended) return;
    let timeout: ReturnType<typeof setTimeout> | undefined;
    try {
      const transport = this.options.connect(address, {
        onOpen: () => {
          this.lastHeardMs = performance.now();
          this.handlers.onOpen();
        },
        onReliable: (bytes) =>
          this.guard(() => this.reader.feed(bytes, (payload) => this.handlers.onFrame(payload)), bytes),
        onDatagram: (bytes) => this.guard(() => this.handlers.onDatagram(bytes), bytes),
        onClose: (code, reason) => {
          clearTimeout(timeout);
          this.onTransportClosed(code, reason);
        },
      });
      this.transport = transport;
      timeout = setTimeout(() => {
        if (this.transport === transport && this.greeted !== transport) transport.close();
      }, WELCOME_TIMEOUT_MS);
    } catch (error) {
      this.handlers.onFailure((error as Error).message);
    }
  }

  /** Does it later, the later the more attempts were in vain. */
  later(action: () => void): void {
    this.retry = setTimeout(action, this.backoffMs());
  }

  cancelLater(): void {
    clearTimeout(this.retry);
  }

  /** A Welcome came. False when the one before came on another connection. */
  welcomed(): boolean {
    const sameConnection = this.greeted === this.transport;
    this.greeted = this.transport;
    this.attempts = 0;
    this.retryAfterMs = 0;
    this.lastReason = "";
    this.pings.clear();
    return sameConnection;
  }

  /** On the reliable channel; false when it could not be sent. */
  send(payload: Uint8Array): boolean {
    return this.transport?.sendReliable(encodeFrame(payload)) ?? false;
  }

  /** The server said why it ends the connection, or what it asked for cannot be. */
  note(code: number, reason: string, retryAfterMs = this.retryAfterMs): void {
    this.lastCode = code;
    this.lastReason = reason;
    this.retryAfterMs = retryAfterMs;
  }

  /** Ends the connection, not the link. */
  close(reason?: string): void {
    if (reason !== undefined) this.lastReason = reason;
    this.transport?.close();
  }

  /** Pings; a silent server's connection is ended. False then. */
  watch(nowMs: number, pingIntervalMs: number): boolean {
    if (nowMs - this.lastHeardMs > SILENCE_LIMIT_MS) {
      this.close("the server went silent");
      return false;
    }
    if (nowMs - this.lastPingMs >= pingIntervalMs) {
      this.lastPingMs = nowMs;
      if (this.pings.size > MAX_PINGS) this.pings.clear();
      const nonce = this.nextNonce++;
      this.pings.set(nonce, nowMs);
      this.send(encodePing(nonce));
    }
    return true;
  }

  /** True when it measures the way. */
  onPong(nonce: bigint, nowMs: number): boolean {
    const sent = this.pings.get(nonce);
    this.pings.delete(nonce);
    if (sent === undefined) return false;
    this.roundTripMs = nowMs - sent;
    return true;
  }

  end(): void {
    this.ended = true;
    clearTimeout(this.retry);
    this.transport?.close();
    this.transport = null;
  }

  private guard(read: () => void, bytes: Uint8Array): void {
    this.lastHeardMs = performance.now();
    this.bytesIn += bytes.length;
    this.messagesIn++;
    try {
      read();
    } catch (error) {
      // Once more on a fresh connection; a server that goes on like this is left alone by backoff.
      this.close(`the server sent something unreadable: ${(error as Error).message}`);
    }
  }

  private onTransportClosed(code: number, reason: string): void {
    this.transport = null;
    if (this.ended) return;
    clearTimeout(this.retry);
    if (this.lastCode < 0 && code >= CLOSE_CODE_BASE && code < CLOSE_CODE_BASE + 100) {
      this.lastCode = code - CLOSE_CODE_BASE;
    }
    this.handlers.onClose(this.lastCode, this.lastReason || reason || "the server is not reachable");
  }

  private backoffMs(): number {
    const { firstDelayMs, maxDelayMs } = this.options.reconnect;
    const backoff = Math.min(maxDelayMs, firstDelayMs * 1.7 ** Math.min(this.attempts, 20));
    return Math.max(this.retryAfterMs, backoff * (0.7 + 0.6 * Math.random()));
  }
}
