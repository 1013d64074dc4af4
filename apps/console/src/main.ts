// The console: watches the battle, and takes part in it when asked.
import "./console.css";
import { Client, CloseCode, fitName, RefusedError, type GameEvent, type Seat } from "@drumline/client";
import { Battle } from "./battle";
import { Camera } from "./camera";
import { Controls } from "./controls";
import { Hud } from "./hud";
import { Minimap } from "./minimap";
import { Painter } from "./painter";
import { fetchConfig, fetchStats, fetchToken, webSocketUrl, type ConsoleConfig } from "./server-api";

const RETRY_MS = 1_000;

const mapCanvas = document.getElementById("map") as HTMLCanvasElement;
const minimapCanvas = document.getElementById("minimap") as HTMLCanvasElement;
const camera = new Camera();
const painter = new Painter(mapCanvas);
const minimap = new Minimap(minimapCanvas);
const hud = new Hud();

let config: ConsoleConfig | null = null;
let battle: Battle | null = null;
/** Rises with every change of seat, so that what an older one still says is ignored. */
let era = 0;
let changing = false;
let reconnects = 0;
/** Who beat us last; "" when that is not known. */
let killer = "";
let fps = 0;
let framesDrawn = 0;
let firstView = true;

const isPlaying = (): boolean => battle?.seat === "player";
const controls = new Controls(mapCanvas, camera, isPlaying, () => battle?.scene ?? null);

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Takes a seat; throws when that fails. The one before is given up. */
async function enter(seat: Seat, name: string): Promise<void> {
  const mine = ++era;
  const current = (): boolean => mine === era;
  const previous = battle;
  const client = new Client(
    async () => {
      config = await fetchConfig();
      return webSocketUrl(config);
    },
    { token: () => fetchToken(config!, seat, name) },
  );
  const next = await Battle.enter(client, config?.game ?? "", seat, name, {
    onScoreboard: showScores,
    onOwnEvent: (event, its) => current() && onOwnEvent(event, its),
    onDrop: (reason) => {
      if (!current()) return;
      hud.showStatus("reconnecting", "reconnecting…");
      hud.showNotice("Reconnecting…", `${reason[0].toUpperCase()}${reason.slice(1)}. The page goes on by itself when it is back.`);
    },
    onReturn: (resumed) => {
      if (!current()) return;
      reconnects++;
      hud.showStatus("connected", "connected");
      hud.showNotice("", "");
      hud.toast(resumed ? "Reconnected: the same seat, the same battle." : "Reconnected in a new seat.");
      controls.reset();
    },
    onOver: (reason) => {
      if (!current()) return;
      hud.toast(`${reason[0].toUpperCase()}${reason.slice(1)}. The next one follows.`);
      controls.reset();
    },
    onEnd: (code, reason) => {
      if (!current()) return;
      if (code !== CloseCode.none) hud.toast(`The connection ended: ${reason}`);
      battle = null;
      void watch();
    },
  });
  if (!current()) {
    next.room.leave();
    return;
  }
  battle = next;
  previous?.room.leave();
  controls.reset();
  hud.makeSkills(next.scene);
  hud.showSeat(seat === "player");
  hud.showStatus("connected", "connected");
  hud.showNotice("", "");
  const { map } = next.scene;
  if (firstView || seat === "spectator") {
    camera.setMap(map.width, map.height);
    firstView = false;
  }
  if (seat === "player") camera.glideTo(Math.min(camera.width, camera.height) / (map.shotRange * 1.35));
  showScores();
}

let watching = false;

/** Watches, however long it takes until the server can be reached. */
async function watch(): Promise<void> {
  if (watching) return;
  watching = true;
  hud.joinButton.disabled = true;
  hud.showSeat(false);
  for (let attempt = 0; !battle; attempt++) {
    try {
      config = await fetchConfig();
      await enter("spectator", "viewer");
    } catch (error) {
      const { message } = error as Error;
      if (error instanceof RefusedError) {
        hud.showStatus("unreachable", "refused");
        hud.showNotice("The server refuses this page", message);
      } else if (attempt > 0) {
        hud.showStatus("unreachable", "server not reachable");
        hud.showNotice(
          "The server is not reachable",
          `Is "drumline serve" running? This page tries again every second. (${message})`,
        );
      }
      await sleep(RETRY_MS);
    }
  }
  hud.joinButton.disabled = false;
  watching = false;
}

async function changeSeat(seat: Seat, name: string): Promise<void> {
  if (changing || !battle) return;
  changing = true;
  hud.joinButton.disabled = true;
  const before = era;
  try {
    await enter(seat, name);
  } catch (error) {
    hud.toast(`That did not work: ${(error as Error).message}`);
    // The seat from before goes on, if it still stands.
    if (battle && battle.room.connection !== "left") era = before;
    else void watch();
  } finally {
    changing = false;
    hud.joinButton.disabled = false;
  }
}

function onOwnEvent(event: GameEvent, its: Battle): void {
  const { scene } = its;
  const isSource = scene.byEntity(event.source)?.key === scene.ownKey;
  const other = (id: bigint): string => scene.byEntity(id)?.name ?? "";
  switch (event.name) {
    case "death":
      if (!isSource) killer = other(event.source);
      else hud.toast(`You beat ${other(event.target) || "somebody"}!`);
      break;
    case "dash":
    case "ward":
    case "blast": {
      const skill = ["dash", "ward", "blast"].indexOf(event.name);
      if (isSource) controls.readyAt[skill] = performance.now() + scene.map.skills[skill].cooldownMs - 60;
      break;
    }
  }
}

function showScores(): void {
  if (!battle?.scoreboard) return;
  const own = battle.seat === "player" ? battle.room.player : -1;
  hud.showScores(battle.scoreboard, battle.scene, own, controls.followed);
}

let lastFrameMs = performance.now();
function frame(nowMs: number): void {
  requestAnimationFrame(frame);
  const now = performance.now();
  drawFrame(nowMs, now);
  frameMs += (performance.now() - now - frameMs) * 0.05;
}
/** What a frame costs this thread, smoothed. */
let frameMs = 0;

function drawFrame(nowMs: number, now: number): void {
  const seconds = Math.min(0.1, (nowMs - lastFrameMs) / 1000);
  lastFrameMs = nowMs;
  framesDrawn++;
  if (!battle) {
    painter.draw(null, camera, null, -1, null);
    return;
  }
  const { scene, room, effects } = battle;
  scene.animate(now);
  camera.animate(seconds);
  const self = scene.self;
  if (isPlaying()) {
    controls.play(room, scene, now);
    if (self && controls.following) camera.follow(self.x, self.y, seconds);
    if (!self?.dead) killer = "";
    hud.showDeath(self?.dead ? killer : null);
    hud.showCooldowns(scene, controls.readyAt, now);
  } else if (controls.followed >= 0) {
    const actor = scene.actors.get(controls.followed);
    if (actor) camera.follow(actor.x, actor.y, seconds, 8);
    else controls.followed = -1;
  }
  painter.draw(scene, camera, effects, controls.followed, isPlaying() ? controls.mouse : null);
  minimap.draw(scene, camera, now);
}

async function poll(): Promise<void> {
  let countedMs = performance.now();
  for (;;) {
    await sleep(1_000);
    const now = performance.now();
    fps = (framesDrawn * 1000) / (now - countedMs);
    [framesDrawn, countedMs] = [0, now];
    hud.showPage(fps, battle?.room.roundTripMs ?? NaN);
    if (battle && config) {
      const { scene, room } = battle;
      const map = `${Math.round(scene.map.width)} × ${Math.round(scene.map.height)} map`;
      hud.showSubtitle(
        `${config.game || room.welcome.game} · ${scene.players} players on a ${map} · tick ${scene.tick.toLocaleString("en")} · ` +
          `${battle.takeFrames()} frames/s here`,
      );
    }
    try {
      if (document.visibilityState === "visible") hud.showStats(await fetchStats());
    } catch {
      // The connection's state says it better.
    }
  }
}

hud.joinForm.addEventListener("submit", (event) => {
  event.preventDefault();
  const name = fitName(hud.nameInput.value) || `guest ${Math.floor(Math.random() * 900 + 100)}`;
  hud.nameInput.blur();
  void changeSeat("player", name);
});
hud.leaveButton.addEventListener("click", () => void changeSeat("spectator", "viewer"));
hud.onFollow = (player) => {
  const actor = battle?.scene.byPlayer(player);
  if (!actor || isPlaying()) return;
  controls.followed = actor.key;
  if (battle!.scene.map.bodyRadius * camera.scale < 8) camera.glideTo(11 / battle!.scene.map.bodyRadius);
  showScores();
};
minimapCanvas.addEventListener("pointerdown", (event) => {
  if (!battle) return;
  const at = minimap.toMap(battle.scene, event.offsetX, event.offsetY);
  controls.followed = -1;
  if (isPlaying()) controls.following = false;
  camera.x = at.x;
  camera.y = at.y;
});
window.addEventListener("resize", () => painter.resize(camera));
window.addEventListener("pagehide", () => battle?.room.connection === "connected" && isPlaying() && battle.room.leave());

/** For tests and the curious: what the page knows, as plain values. */
Object.defineProperty(window, "drumline", {
  value: {
    get connection() {
      return battle?.room.connection ?? "unreachable";
    },
    get seat() {
      return battle?.seat ?? null;
    },
    get tick() {
      return battle?.scene.tick ?? 0;
    },
    get players() {
      return battle?.scene.players ?? 0;
    },
    get entities() {
      return battle?.scene.actors.size ?? 0;
    },
    get fps() {
      return fps;
    },
    get frameMs() {
      return frameMs;
    },
    get reconnects() {
      return reconnects;
    },
    get self() {
      const self = battle?.scene.self;
      return self ? { x: self.x, y: self.y, health: self.health, dead: self.dead, name: self.name } : null;
    },
    get decoder() {
      return battle ? { ...battle.room.state.stats } : null;
    },
    get delayMs() {
      return battle?.scene.clock.delayMs ?? 0;
    },
    get scores() {
      return battle?.scoreboard?.entries.length ?? 0;
    },
    /** By actor: [x, y]. */
    positions(): Record<string, [number, number]> {
      const all: Record<string, [number, number]> = {};
      for (const [key, actor] of battle?.scene.actors ?? []) {
        if (actor.kind === "player") all[String(key)] = [actor.x, actor.y];
      }
      return all;
    },
  },
});

painter.resize(camera);
hud.showStatus("connecting", "connecting…");
requestAnimationFrame(frame);
void poll();
void watch();
