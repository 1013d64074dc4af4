// The console: watches the battle, and takes part in it when asked.
import "./console.css";
import { Client, CloseCode, fitName, RefusedError, type GameEvent } from "@drumline/client";
import { SKILL_EVENTS } from "./arena";
import { Battle, type BattleWishes } from "./battle";
import { Camera } from "./camera";
import { Controls } from "./controls";
import { Hud } from "./hud";
import { Layers } from "./layers";
import { Minimap } from "./minimap";
import { Painter } from "./painter";
import { InputMeter, predictIn, type InputFigures } from "./prediction";
import { rememberedName, rememberName } from "./remembered";
import type { Actor } from "./scene";
import { fetchConfig, fetchStats, fetchToken, transportName, webSocketUrl, webTransportAddress, type ConsoleConfig } from "./server-api";
import { Spectating } from "./spectating";
import { tintOf } from "./tiers";

const RETRY_MS = 1_000;

const mapCanvas = document.getElementById("map") as HTMLCanvasElement;
const minimapCanvas = document.getElementById("minimap") as HTMLCanvasElement;
const camera = new Camera();
const painter = new Painter(mapCanvas);
const minimap = new Minimap(minimapCanvas);
const hud = new Hud();
const layers = new Layers();
const meter = new InputMeter();

let config: ConsoleConfig | null = null;
let battle: Battle | null = null;
/** Rises with every change of seat, so that what an older one still says is ignored. */
let era = 0;
let changing = false;
let reconnects = 0;
/** Who beat us last; "" when that is not known. */
let killer = "";
let fps = 0;
/** In all, and when the rate was last taken. */
let framesDrawn = 0;
let framesCounted = 0;
let firstView = true;
let input: InputFigures | null = null;

const isPlaying = (): boolean => battle?.seat === "player";
const controls = new Controls(mapCanvas, camera, isPlaying, () => battle?.scene ?? null);
const spectating = new Spectating(
  camera,
  controls,
  () => (isPlaying() ? null : battle),
  (follow) => void changeSeat({ seat: "spectator", name: "viewer", follow }),
);

/** As the client says it, for people. */
const sentence = (reason: string): string => {
  const text = reason.replace(/^no address: /, "");
  return `${text[0]?.toUpperCase() ?? ""}${text.slice(1)}.`;
};

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Takes a seat; throws when that fails. The one before is given up. */
async function enter(wishes: BattleWishes): Promise<void> {
  const { seat, name, follow } = wishes;
  const mine = ++era;
  const current = (): boolean => mine === era;
  const previous = battle;
  const client = new Client(
    async () => {
      config = await fetchConfig().catch((): never => {
        throw new Error("the server does not answer");
      });
      return webSocketUrl(config);
    },
    // Another battle has another map: this page begins anew then.
    {
      token: () => fetchToken(config!, seat, name),
      webTransport: async () => webTransportAddress(config!),
      reconnect: { nextBattle: false },
    },
  );
  const next = await Battle.enter(client, config?.game ?? "", wishes, {
    onScoreboard: showScores,
    onOwnEvent: (event, its) => current() && onOwnEvent(event, its),
    onDrop: (reason) => {
      if (!current()) return;
      hud.showStatus("reconnecting", "reconnecting…");
      hud.showNotice("Reconnecting…", `${sentence(reason)} The page goes on by itself when it is back.`);
    },
    onReturn: (resumed) => {
      if (!current()) return;
      reconnects++;
      hud.showStatus("connected", "connected");
      hud.showNotice("", "");
      hud.toast(resumed ? "Reconnected: the same seat, the same battle." : "Reconnected in a new seat.");
      controls.reset();
    },
    onEnd: (code, reason) => {
      if (!current()) return;
      if (code === CloseCode.battle_over) hud.toast("This battle is over. Here is the next one.");
      else if (code === CloseCode.replaced) hud.toast("Your seat was taken up elsewhere. You are watching now.");
      else if (code !== CloseCode.none) hud.toast(`The connection ended. ${sentence(reason)}`);
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
  meter.reset();
  if (seat === "player") {
    void predictIn(next.room, (reason) => {
      if (current()) hud.toast(`Your moves show when the server has confirmed them: ${reason}`);
    });
  }
  controls.reset();
  hud.makeSkills(next.scene);
  hud.showSeat(seat === "player");
  hud.showStatus("connected", "connected");
  hud.showNotice("", "");
  const { map } = next.scene;
  spectating.begin(next.followed);
  if (firstView || (seat === "spectator" && !follow)) {
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
      // A duel has a page of its own; this one draws maps.
      if (config.game === "duel") return location.replace("duel.html");
      await enter({ seat: "spectator", name: "viewer" });
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

async function changeSeat(wishes: BattleWishes): Promise<void> {
  if (changing || !battle) return;
  changing = true;
  hud.joinButton.disabled = true;
  const before = era;
  try {
    await enter(wishes);
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
      const skill = SKILL_EVENTS.indexOf(event.name);
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
  // First what the player wants, so that this very frame shows it.
  if (isPlaying()) controls.play(room, scene, now);
  scene.animate(now);
  camera.animate(seconds);
  const self = scene.self;
  if (isPlaying()) {
    meter.observe(scene, room, controls.takeInputMs(), now);
    if (self && controls.following) camera.follow(self.x, self.y, seconds);
    if (self) hud.showVitals(self.health, scene.map.fullHealth, self.score);
    if (!self?.dead) killer = "";
    hud.showDeath(self?.dead ? killer : null);
    hud.showCooldowns(scene, controls.readyAt, now);
  }
  spectating.animate(seconds);
  const sees = battle.followed >= 0;
  const heat = !isPlaying() && layers.isHeatOn(sees ? 0 : scene.players);
  const tint = sees ? (actor: Actor): number => tintOf(actor, scene.tick) : null;
  painter.draw(scene, camera, effects, controls.followed, isPlaying() ? controls.mouse : null, { heat, tint });
  layers.show(heat && painter.hasHeat ? painter.density : null, painter.hasHeat);
  minimap.draw(scene, camera, now);
}

async function poll(): Promise<void> {
  let countedMs = performance.now();
  for (;;) {
    await sleep(1_000);
    const now = performance.now();
    fps = ((framesDrawn - framesCounted) * 1000) / (now - countedMs);
    [framesCounted, countedMs] = [framesDrawn, now];
    hud.showPage(fps, battle?.room.roundTripMs ?? NaN, transportName(battle?.room.transport ?? ""));
    input = battle && isPlaying() ? meter.take(battle.scene, battle.room) : null;
    if (input) hud.showInput(input);
    spectating.poll(now);
    if (battle && config) {
      const { scene, room } = battle;
      const map = `${Math.round(scene.map.width)} × ${Math.round(scene.map.height)} map`;
      const name = scene.names.get(battle.followed) ?? "that player";
      const what = battle.followed < 0 ? `${scene.players.toLocaleString("en")} players on a ${map}` : `what ${name} is sent`;
      const game = config.game || room.welcome.game;
      hud.showSubtitle(`${game} · ${what} · tick ${scene.tick.toLocaleString("en")} · ${battle.takeFrames()} frames/s here`);
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
  rememberName(hud.nameInput.value);
  const name = fitName(hud.nameInput.value) || `guest ${Math.floor(Math.random() * 900 + 100)}`;
  hud.nameInput.blur();
  void changeSeat({ seat: "player", name });
});
hud.leaveButton.addEventListener("click", () => void changeSeat({ seat: "spectator", name: "viewer" }));
controls.onKeyOf.heat = () => layers.flip();
controls.onDeed = (event, x, y) => {
  if (battle?.scene.shown) battle.effects.foresee(event, x, y);
};
hud.onFollow = (player) => {
  spectating.follow(player);
  showScores();
};
minimapCanvas.addEventListener("pointerdown", (event) => {
  if (!battle) return;
  const at = minimap.toMap(battle.scene, event.offsetX, event.offsetY);
  controls.followed = -1;
  controls.following = false;
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
    /** "webtransport" or "websocket"; "" while there is none. */
    get transport() {
      return battle?.room.transport ?? "";
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
    get framesDrawn() {
      return framesDrawn;
    },
    get frameMs() {
      return frameMs;
    },
    /** Bodies in the last frame's drawing. */
    get drawn() {
      return painter.drawn;
    },
    /** Players on 100 × 100 units where it is most crowded; null: no heat map is shown. */
    get heatPeak() {
      return layers.isOn ? painter.density.peak : null;
    },
    /** The player whose state frames are shown, −1: none; and their figures. */
    get followed() {
      return battle?.followed ?? -1;
    },
    get followFigures() {
      return spectating.figures;
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
      return battle?.scene.delayMs ?? 0;
    },
    /** Null while the own player is not predicted. */
    get shown() {
      return battle?.scene.shown ?? null;
    },
    get input() {
      return input;
    },
    get scores() {
      return battle?.scoreboard?.entries.length ?? 0;
    },
    /** By player slot of those whom the page knows: the entity's newest word, ticks ago. */
    ages(): Record<string, number> {
      const all: Record<string, number> = {};
      for (const actor of battle?.scene.actors.values() ?? []) {
        if (actor.player >= 0) all[String(actor.player)] = battle!.scene.tick - actor.lastTick;
      }
      return all;
    },
    /** Where a place on the map is in the window, CSS pixels. */
    onScreen: (x: number, y: number): [number, number] => [camera.screenX(x), camera.screenY(y)],
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

hud.nameInput.value = rememberedName();
painter.resize(camera);
hud.showStatus("connecting", "connecting…");
requestAnimationFrame(frame);
void poll();
void watch();
