import { Room } from "./room";
import type { ReconnectOptions } from "./room-options";
import { webSocketConnect, type Connect, type WebSocketConstructor } from "./transport";
import type { Seat, SyncModel } from "./messages";
import type { SimulationModule } from "./simulation";
import { preferWebTransport, type WebTransportAddress } from "./webtransport";

export interface ClientOptions {
  /** Proves who we are; a function is asked again at every connection. */
  token?: string | (() => Promise<string>);
  /** Where the platform has no WebSocket of its own (Node before 22: the package ws). */
  webSocket?: WebSocketConstructor;
  /**
   * Where browsers reach the same server by WebTransport, which is preferred; a function is asked
   * again at every connection. None: at the port of a wss:// address; null: nowhere.
   */
  webTransport?: WebTransportAddress | null | (() => Promise<WebTransportAddress | null>);
  /** Another transport altogether. */
  connect?: Connect;
  reconnect?: Partial<ReconnectOptions>;
}

export interface JoinOptions {
  name?: string;
  seat?: Seat;
  /** A certain battle; 0 or none: any that has room. */
  battle?: bigint;
  /** To play a battle in lockstep, which the client runs itself: the server's simulation. */
  simulation?: SimulationModule;
  /** A spectator may ask for another model than the battle's. */
  model?: SyncModel;
  /** A spectator may follow a player, by his seat: the room is then sent what that player is sent. */
  follow?: number;
}

const MAX_NAME_BYTES = 23;

/** Cuts a name to what the wire takes, never inside a character. */
export function fitName(name: string): string {
  const encoder = new TextEncoder();
  let fitting = "";
  let bytes = 0;
  for (const character of name.trim()) {
    bytes += encoder.encode(character).length;
    if (bytes > MAX_NAME_BYTES) break;
    fitting += character;
  }
  return fitting;
}

/** Knows a server; joins its battles. */
export class Client {
  private readonly connect: Connect;
  private readonly reconnectOptions: ReconnectOptions;
  /** As asked for last, without a token. */
  private usualAddress = "";

  /** `url`: ws://host:port/ or wss://…; a function is asked again at every connection. */
  constructor(private readonly url: string | (() => Promise<string>), private readonly options: ClientOptions = {}) {
    this.connect = options.connect ?? preferWebTransport(() => this.webTransportAddress(), webSocketConnect(options.webSocket));
    const usual = { maxAttempts: Infinity, firstDelayMs: 200, maxDelayMs: 3_000, nextBattle: true };
    this.reconnectOptions = { ...usual, ...options.reconnect };
  }

  /** Takes a seat in any battle of the game that has room. */
  joinOrCreate(game: string, options: JoinOptions = {}): Promise<Room> {
    return this.open(game, { ...options, battle: options.battle ?? 0n });
  }

  /** Takes a seat in the battle named in `options`. */
  join(game: string, options: JoinOptions & { battle: bigint }): Promise<Room> {
    return this.open(game, options);
  }

  /** Takes the seat again that an earlier room held (Room.reconnectToken). */
  reconnect(token: string, options: JoinOptions = {}): Promise<Room> {
    const bytes = Uint8Array.from(atob(token), (character) => character.charCodeAt(0));
    return this.open("", options, bytes);
  }

  private async open(game: string, options: JoinOptions, reconnectToken?: Uint8Array): Promise<Room> {
    const room = new Room({
      game,
      name: fitName(options.name ?? ""),
      seat: options.seat ?? "player",
      battle: options.battle ?? 0n,
      simulation: options.simulation,
      model: options.model,
      follow: options.follow,
      reconnectToken,
      address: () => this.address(),
      connect: this.connect,
      reconnect: this.reconnectOptions,
    });
    await room.open();
    return room;
  }

  private async webTransportAddress(): Promise<WebTransportAddress | null> {
    const { webTransport } = this.options;
    if (typeof webTransport === "function") return webTransport();
    if (webTransport !== undefined) return webTransport;
    // What a browser trusts on TCP it trusts on UDP; without TLS it could trust nothing.
    const usual = this.usualAddress;
    return usual.startsWith("wss:") ? { url: usual.replace("wss:", "https:") } : null;
  }

  private async address(): Promise<string> {
    const url = new URL(typeof this.url === "string" ? this.url : await this.url());
    this.usualAddress = url.toString();
    const { token } = this.options;
    if (token) url.searchParams.set("token", typeof token === "string" ? token : await token());
    return url.toString();
  }
}
