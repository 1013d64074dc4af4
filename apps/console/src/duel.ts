// A duel in lockstep: the battle runs in this page, by the server's inputs, and the player
// sees what he does in the next tick.
import "./console.css";
import "./duel.css";
import { Client, CloseCode, fitName, loadSimulation, type Room, type SimulationModule } from "@drumline/client";
import { DuelControls } from "./duel-controls";
import { DuelHud } from "./duel-hud";
import { DuelPainter } from "./duel-painter";
import { DuelMap, DuelStage } from "./duel-stage";
import { rememberedName, rememberName } from "./remembered";
import { fetchConfig, fetchToken, webSocketUrl, webTransportAddress, type ConsoleConfig } from "./server-api";

const painter = new DuelPainter(document.getElementById("stage") as HTMLCanvasElement);
const hud = new DuelHud();

let simulation: SimulationModule | null = null;
let room: Room | null = null;
let stage: DuelStage | null = null;

const controls = new DuelControls(() => (room?.connection === "connected" ? room : null));

const config = (): Promise<ConsoleConfig> =>
  fetchConfig().catch((): never => {
    throw new Error("the server does not answer");
  });

async function enter(name: string): Promise<void> {
  const client = new Client(
    async () => webSocketUrl(await config()),
    {
      token: async () => fetchToken(await config(), "player", name),
      webTransport: async () => webTransportAddress(await config()),
      reconnect: { nextBattle: false },
    },
  );
  const entered = await client.joinOrCreate("duel", { name, simulation: simulation! });
  const { welcome } = entered;
  if (!entered.isInLockstep) {
    entered.leave();
    throw new Error("This battle is not played in lockstep: start the server with --set battle.sync_model=lockstep.");
  }
  room = entered;
  stage = new DuelStage(new DuelMap(welcome.mapDescription), welcome.mapWidth, welcome.mapHeight, welcome.tickMs);
  hud.begin(stage.map);
  controls.reset();
  entered.onDrop((reason) => hud.showLost(reason));
  entered.onReconnect(() => {
    hud.showLost(null);
    controls.reset();
  });
  entered.onLeave((code, reason) => {
    if (room !== entered) return;
    room = null;
    hud.showEntry(code === CloseCode.battle_over ? hud.outcome : `The duel ended: ${reason}.`, "Fight again");
  });
}

hud.onEnter = (name) => {
  rememberName(name);
  hud.showBusy("Joining…");
  enter(fitName(name) || `guest ${Math.floor(Math.random() * 900 + 100)}`).catch((error: Error) =>
    hud.showEntry(error.message, "Try again"),
  );
};

let lastMs = performance.now();
function frame(): void {
  requestAnimationFrame(frame);
  const now = performance.now();
  const passed = Math.min(100, now - lastMs);
  lastMs = now;
  const view = room?.advance(now) ?? null;
  if (room && stage && view) {
    stage.observe(view, passed);
    for (const event of view.events()) {
      painter.add(event, now);
      hud.onEvent(event);
    }
    hud.show(stage, room);
  }
  painter.draw(stage, room?.player ?? -1, now);
}

async function begin(): Promise<void> {
  hud.nameInput.value = rememberedName();
  hud.showBusy("Loading the game…");
  try {
    const { game } = await config();
    if (game !== "duel") throw new Error(`This server plays ${game}. Start one with: drumline serve --game duel --set battle.sync_model=lockstep`);
    simulation = await loadSimulation("simulation.wasm");
    hud.showEntry("", "Fight");
  } catch (error) {
    hud.showBusy(`This page cannot run the battle. ${(error as Error).message}`);
    setTimeout(() => void begin(), 3_000);
  }
}

window.addEventListener("resize", () => painter.resize());
window.addEventListener("pagehide", () => room?.leave());

/** For tests and the curious. */
Object.defineProperty(window, "duel", {
  value: {
    get state() {
      const state = room?.lockstepState;
      return state ? { ...state, confirmedHash: state.confirmedHash.toString(16) } : null;
    },
    get connection() {
      return room?.connection ?? null;
    },
    get stage() {
      return stage && { phase: stage.phase, round: stage.round, winner: stage.winner, fighters: stage.fighters, seat: room?.player ?? -1 };
    },
  },
});

requestAnimationFrame(frame);
void begin();
