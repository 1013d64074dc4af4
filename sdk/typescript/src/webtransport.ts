// WebTransport: the reliable channel is one bidirectional stream, the unreliable one
// datagrams. Preferred where the browser has it; a way over WebSocket is tried beside it
// when it takes long, and instead of it when it fails.
import { CloseCode } from "./room-options";
import { CLOSE_CODE_BASE, type Connect, type Transport, type TransportHandlers } from "./transport";

export interface WebTransportAddress {
  /** https://host:port/path; the token is that of the WebSocket's address. */
  url: string;
  /** SHA-256 of the server's certificate, hexadecimal, where that is one that browsers do not trust by themselves. */
  certificateHash?: string;
}

/** A WebSocket is begun too when there is no session after so long: UDP may be blocked on the way. */
const HEAD_START_MS = 800;
/** Where only the WebSocket came to be, WebTransport is not tried again for so long. */
const AVOID_MS = 120_000;
/** Datagrams that wait for the page while it draws: a key frame is many at once. */
const WAITING_DATAGRAMS = 512;
/** What was written last may go out for so long before the session is closed. */
const LINGER_MS = 500;

const hasWebTransport = (): boolean => typeof (globalThis as any).WebTransport === "function";

class WebTransportLink implements Transport {
  readonly kind = "webtransport";
  private readonly session: WebTransport;
  private writer: WritableStreamDefaultWriter<Uint8Array> | null = null;
  private unwritten = 0;
  private closed = false;

  constructor(address: WebTransportAddress, private readonly handlers: TransportHandlers) {
    const { url, certificateHash } = address;
    const options: WebTransportOptions = { requireUnreliable: true, congestionControl: "low-latency" };
    if (certificateHash) {
      const value = Uint8Array.from(certificateHash.match(/../g) ?? [], (digits) => parseInt(digits, 16));
      options.serverCertificateHashes = [{ algorithm: "sha-256", value }];
    }
    this.session = new WebTransport(url, options);
    const lost = (error: unknown): void => this.finish(1006, String((error as Error)?.message ?? error));
    this.session.closed.then(
      (info) => this.finish(CLOSE_CODE_BASE + (info.closeCode ?? 0), info.reason ?? ""),
      lost,
    );
    // The session's end says why, and may come a moment after its streams' end.
    this.open().catch((error) => setTimeout(() => this.abandon(String(error?.message ?? error)), LINGER_MS));
  }

  sendReliable(bytes: Uint8Array): boolean {
    if (this.closed || !this.writer) return false;
    this.unwritten += bytes.length;
    // A write that fails is the session's end, which is told by itself.
    this.writer.write(bytes).then(() => (this.unwritten -= bytes.length), () => {});
    return true;
  }

  get bufferedBytes(): number {
    return this.unwritten;
  }

  close(): void {
    const { session, writer } = this;
    this.finish(1000, "");
    // Closing throws away what is on its way; a server that was told that we leave closes first.
    const close = (): void => session.close({ closeCode: CloseCode.idle });
    if (writer) setTimeout(close, LINGER_MS);
    else close();
  }

  private async open(): Promise<void> {
    const { session } = this;
    await session.ready;
    const stream = await session.createBidirectionalStream();
    if (this.closed) return;
    this.writer = stream.writable.getWriter();
    this.writer.closed.catch(() => {});
    session.datagrams.incomingHighWaterMark = WAITING_DATAGRAMS;
    this.handlers.onOpen();
    await Promise.all([
      this.read(stream.readable, (bytes) => this.handlers.onReliable(bytes)),
      this.read(session.datagrams.readable, (bytes) => this.handlers.onDatagram(bytes)),
    ]);
  }

  private async read(from: ReadableStream<Uint8Array>, take: (bytes: Uint8Array) => void): Promise<void> {
    const reader = from.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.closed) return;
      take(value);
    }
  }

  private abandon(reason: string): void {
    this.finish(1006, reason);
    this.session.close();
  }

  private finish(code: number, reason: string): void {
    if (this.closed) return;
    this.closed = true;
    this.handlers.onClose(code, reason);
  }
}

/** Two ways to one server, of which one is taken and the other given up. */
class PreferredTransport implements Transport {
  private chosen: Transport | null = null;
  private closed = false;
  private readonly candidates = new Set<Transport>();
  private headStart: ReturnType<typeof setTimeout> | undefined;
  private fallbackBegun = false;
  private failure = "";

  constructor(
    private readonly beginFallback: (handlers: TransportHandlers) => Transport,
    private readonly handlers: TransportHandlers,
    private readonly onChosen: (transport: Transport) => void,
  ) {}

  get kind(): string {
    return this.chosen?.kind ?? "";
  }

  get bufferedBytes(): number {
    return this.chosen?.bufferedBytes ?? 0;
  }

  sendReliable(bytes: Uint8Array): boolean {
    return this.chosen?.sendReliable(bytes) ?? false;
  }

  close(): void {
    this.finish(1000, "");
  }

  async begin(address: () => Promise<WebTransportAddress | null>, query: string): Promise<void> {
    this.headStart = setTimeout(() => this.fallBack(), HEAD_START_MS);
    try {
      const found = await address();
      if (this.closed) return;
      if (found) {
        const url = new URL(found.url);
        url.search = query;
        this.add((handlers) => new WebTransportLink({ ...found, url: url.toString() }, handlers));
        return;
      }
    } catch (error) {
      this.failure = (error as Error).message;
    }
    this.fallBack();
  }

  private fallBack(): void {
    clearTimeout(this.headStart);
    if (this.closed || this.chosen || this.fallbackBegun) return;
    this.fallbackBegun = true;
    try {
      this.add(this.beginFallback);
    } catch (error) {
      this.failure = (error as Error).message;
      if (this.candidates.size === 0) this.finish(1006, this.failure);
    }
  }

  private add(make: (handlers: TransportHandlers) => Transport): void {
    const transport: Transport = make({
      onOpen: () => this.choose(transport),
      onReliable: (bytes) => this.chosen === transport && this.handlers.onReliable(bytes),
      onDatagram: (bytes) => this.chosen === transport && this.handlers.onDatagram(bytes),
      onClose: (code, reason) => this.onCandidateClosed(transport, code, reason),
    });
    this.candidates.add(transport);
  }

  private choose(transport: Transport): void {
    if (this.closed || this.chosen) return;
    clearTimeout(this.headStart);
    this.chosen = transport;
    this.candidates.delete(transport);
    for (const other of [...this.candidates]) other.close();
    this.onChosen(transport);
    this.handlers.onOpen();
  }

  private onCandidateClosed(transport: Transport, code: number, reason: string): void {
    this.candidates.delete(transport);
    if (this.chosen === transport) this.finish(code, reason);
    if (this.closed || this.chosen) return;
    if (!this.fallbackBegun) this.fallBack();
    else if (this.candidates.size === 0) this.finish(code, reason);
  }

  private finish(code: number, reason: string): void {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.headStart);
    this.chosen?.close();
    for (const other of [...this.candidates]) other.close();
    this.handlers.onClose(code, reason || this.failure);
  }
}

/**
 * Connects by WebTransport where that works, else by `fallback`, whose address is the one
 * that is asked for. `address` gives null where the server has no WebTransport.
 */
export function preferWebTransport(address: () => Promise<WebTransportAddress | null>, fallback: Connect): Connect {
  let avoidUntilMs = -Infinity;
  return (url, handlers) => {
    if (!hasWebTransport() || performance.now() < avoidUntilMs) return fallback(url, handlers);
    const transport = new PreferredTransport(
      (its) => fallback(url, its),
      handlers,
      ({ kind }) => (avoidUntilMs = kind === "webtransport" ? -Infinity : performance.now() + AVOID_MS),
    );
    void transport.begin(address, new URL(url).search);
    return transport;
  };
}
