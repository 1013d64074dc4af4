// What the admin port tells the page: how to connect, a development token, and
// figures for the plots.
import type { WebTransportAddress } from "@drumline/client";

export interface ConsoleConfig {
  websocketPort: number;
  websocketPath: string;
  /** 0: it is not served. */
  webTransportPort: number;
  webTransportHash: string;
  tokenUrl: string;
  game: string;
  version: string;
}

/** Where the server stands on its overload ladder. */
export interface Overload {
  /** 0 (not at all) to 4. */
  rung: number;
  /** How long a tick takes, of its usual time. */
  pace_percent?: number;
  reason?: string;
}

export interface ServerStats {
  tick?: number;
  players?: number;
  lateness_us?: { p50?: number; p99?: number; p999?: number };
  client_frames_per_s?: number;
  skipped_ticks?: number;
  journal_commit_us?: { p50?: number; p99?: number };
  sessions?: number;
  memory_bytes?: number;
  overload?: Overload;
}

async function getJson(path: string): Promise<any> {
  const control = new AbortController();
  const timeout = setTimeout(() => control.abort(), 4000);
  try {
    const response = await fetch(path, { cache: "no-store", signal: control.signal });
    if (!response.ok) throw new Error(`${path} answers ${response.status}: ${(await response.text()).slice(0, 200)}`);
    return await response.json();
  } finally {
    clearTimeout(timeout);
  }
}

export async function fetchConfig(): Promise<ConsoleConfig> {
  const json = await getJson("console.json");
  return {
    websocketPort: Number(json.websocket_port),
    websocketPath: String(json.websocket_path ?? "/"),
    webTransportPort: Number(json.webtransport_port ?? 0),
    webTransportHash: String(json.webtransport_hash ?? ""),
    tokenUrl: String(json.token_url ?? "/token"),
    game: String(json.game ?? ""),
    version: String(json.version ?? ""),
  };
}

/** The address of the battle's WebSocket on the host that served this page. */
export function webSocketUrl(config: ConsoleConfig): string {
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  return `${scheme}//${location.hostname}:${config.websocketPort}${config.websocketPath}`;
}

/** The same battle by WebTransport; null where the server has none. */
export function webTransportAddress(config: ConsoleConfig): WebTransportAddress | null {
  if (!(config.webTransportPort > 0)) return null;
  // The server listens on one address, and a name may have others too.
  const host = location.hostname === "localhost" ? "127.0.0.1" : location.hostname;
  const url = `https://${host}:${config.webTransportPort}${config.websocketPath}`;
  return { url, certificateHash: config.webTransportHash || undefined };
}

/** How the page calls what carries its connection. */
export const transportName = (kind: string): string =>
  ({ webtransport: "WebTransport", websocket: "WebSocket" })[kind] ?? kind;

export async function fetchToken(config: ConsoleConfig, seat: "spectator" | "player", name: string): Promise<string> {
  const query = new URLSearchParams({ seat, name });
  const json = await getJson(`${config.tokenUrl}?${query}`);
  if (typeof json.token !== "string") throw new Error("the server gave no token");
  return json.token;
}

export const fetchStats = (): Promise<ServerStats> => getJson("stats.json");
