// The replay page: plays a recording by simulation.wasm, the server's own step.
import "./console.css";
import "./replay.css";
import { loadSimulation, MAX_RECORDING_BYTES, Recording, Replay, type SimulationModule } from "@drumline/client";
import { Camera } from "./camera";
import { MAX_BODY_PIXELS } from "./controls";
import { Effects } from "./effects";
import { Inspector } from "./inspector";
import { Painter } from "./painter";
import { hex, report, TICKS_PER_SECOND } from "./replay-report";
import { ReplayStage } from "./replay-stage";
import { actorAt, actorKey } from "./scene";
import { Survey } from "./survey";
import { Timeline } from "./timeline";

/** Stepping may take this much of a frame; what is not done then is late, not lost. */
const STEP_BUDGET_MS = 24;

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const mapCanvas = element<HTMLCanvasElement>("map");
const playButton = element<HTMLButtonElement>("play");
const speedSelect = element<HTMLSelectElement>("speed");
const tickInput = element<HTMLInputElement>("tick");
const fileInput = element<HTMLInputElement>("file");

/** An opened recording and all that shows it. */
interface Opened {
  recording: Recording;
  replay: Replay;
  stage: ReplayStage;
  effects: Effects;
  survey: Survey;
  fileName: string;
}

const camera = new Camera();
// Below the header, beside the inspector, above the playback bar.
camera.margins = { left: 16, right: 294, top: 90, bottom: 136 };
const painter = new Painter(mapCanvas);
let simulations: Promise<SimulationModule> | null = null;
let opened: Opened | null = null;
/** Rises with each file, so that an older one that is still being read is dropped. */
let era = 0;
let playing = false;
/** The tick on the screen, with a fraction while it plays. */
let time = 0;
/** Where the pointer on the timeline asks to go; done once a frame. */
let wanted: number | null = null;
/** The tick that the inspector shows; −1 makes it look again. */
let inspected = -1;

const inspector = new Inspector(() => (inspected = -1));
const timeline = new Timeline(element("timeline"), (tick) => (wanted = tick));

function showError(text: string): void {
  element("drop").hidden = false;
  element("error").hidden = text === "";
  element("error").textContent = text;
  element("dismiss").hidden = opened === null;
}

async function open(file: File): Promise<void> {
  const mine = ++era;
  try {
    if (file.size > MAX_RECORDING_BYTES) throw new Error(`it has ${file.size} bytes, more than ${MAX_RECORDING_BYTES}`);
    // When fetching it failed, the next file tries again.
    simulations ??= loadSimulation("simulation.wasm").catch((error) => {
      simulations = null;
      throw error;
    });
    const [bytes, module] = await Promise.all([file.arrayBuffer(), simulations]);
    if (mine !== era) return;
    const recording = new Recording(new Uint8Array(bytes));
    const replay = new Replay(module, recording);
    const stage = new ReplayStage(replay.simulation);
    const survey = new Survey(module, recording);
    close();
    opened = { recording, replay, stage, effects: new Effects(stage, stage.map), survey, fileName: file.name };
  } catch (error) {
    if (mine === era) showError(`${file.name}: ${(error as Error).message}`);
    return;
  }
  const { recording, stage } = opened;
  showError("");
  for (const id of ["inspector", "playback"]) element(id).hidden = false;
  element("drop").hidden = true;
  camera.setMap(stage.map.width, stage.map.height);
  inspector.open(opened.replay.simulation);
  [tickInput.min, tickInput.max] = [String(recording.firstTick), String(recording.lastTick)];
  goTo(recording.firstTick);
}

function close(): void {
  opened?.survey.stop();
  opened = null;
  setPlaying(false);
}

function setPlaying(on: boolean): void {
  playing = on;
  playButton.textContent = on ? "Pause" : "Play";
}

/** What the simulation throws here is its own failure: then there is nothing left to show. */
function guarded(run: (of: Opened) => void): void {
  if (!opened) return;
  try {
    run(opened);
  } catch (error) {
    const { fileName } = opened;
    close();
    showError(`${fileName}: ${(error as Error).message}`);
  }
}

function goTo(tick: number): void {
  guarded(({ replay, stage, effects }) => {
    replay.seek(tick);
    effects.clear();
    stage.clear();
    stage.observe();
    time = replay.tick;
    inspected = -1;
  });
}

function stepOnce(): void {
  setPlaying(false);
  guarded((of) => {
    advance(of, of.replay.tick + 1);
    time = of.replay.tick;
  });
}

function stepBack(): void {
  setPlaying(false);
  if (opened) goTo(opened.replay.tick - 1);
}

/** Steps until the tick is reached, or time is up, or there are no more. */
function advance({ replay, stage, effects }: Opened, to: number): void {
  const end = performance.now() + STEP_BUDGET_MS;
  while (replay.tick < to && performance.now() < end && replay.step()) {
    for (const event of replay.simulation.events()) effects.add(event);
    // Two neighbours are enough to draw what lies between them.
    if (replay.tick >= to - 1) stage.observe();
  }
  if (replay.tick < to) stage.observe();
}

function play(of: Opened, seconds: number): void {
  const { replay } = of;
  time += seconds * Number(speedSelect.value) * TICKS_PER_SECOND;
  advance(of, Math.ceil(time));
  if (replay.tick < time) time = replay.tick;
  if (replay.atEnd || replay.obstacle) setPlaying(false);
}

function togglePlaying(): void {
  if (!opened) return;
  if (!playing && opened.replay.atEnd) goTo(opened.recording.firstTick);
  setPlaying(!playing);
}

const selectedKey = (): number => (inspector.slot < 0 ? -1 : actorKey(inspector.table, inspector.slot));

let lastFrameMs = performance.now();
function frame(nowMs: number): void {
  requestAnimationFrame(frame);
  const seconds = Math.min(0.1, (nowMs - lastFrameMs) / 1000);
  lastFrameMs = nowMs;
  if (wanted !== null) {
    goTo(wanted);
    wanted = null;
  }
  guarded((of) => {
    if (playing) play(of, seconds);
    of.stage.animate(time);
    show(of);
  });
  camera.animate(seconds);
  painter.draw(opened?.stage ?? null, camera, opened?.effects ?? null, selectedKey(), null);
}

function show({ recording, replay, stage, survey, fileName }: Opened): void {
  timeline.draw(recording, survey, time);
  report(recording, replay, survey);
  const { tick, simulation } = replay;
  if (document.activeElement !== tickInput) tickInput.value = String(tick);
  if (inspected === tick) return;
  inspected = tick;
  inspector.show((table, slot) => nameOf(stage, table, slot));
  element("subtitle").textContent = `${fileName} · battle ${recording.battle} · ${simulation.game} · ${stage.players} players`;
}

/** Players and seats have people's names. */
function nameOf(stage: ReplayStage, table: number, slot: number): string {
  const isSeat = opened?.replay.simulation.tables[table].name === "seats";
  return isSeat ? stage.nameOfSeat(slot) : (stage.actors.get(actorKey(table, slot))?.name ?? "");
}

function listenToMap(): void {
  let drag: { x: number; y: number; moved: number } | null = null;
  mapCanvas.addEventListener("pointerdown", (event) => {
    mapCanvas.focus();
    drag = { x: event.clientX, y: event.clientY, moved: 0 };
  });
  window.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
    drag = { x: event.clientX, y: event.clientY, moved: drag.moved + Math.abs(dx) + Math.abs(dy) };
    if (drag.moved >= 5) camera.pan(dx, dy);
  });
  window.addEventListener("pointerup", (event) => {
    const clicked = drag !== null && drag.moved < 5 && event.target === mapCanvas;
    drag = null;
    const actor = clicked && opened ? actorAt(opened.stage, camera, event.offsetX, event.offsetY) : null;
    if (!actor) return;
    inspector.select(Math.floor(actor.key / 2 ** 32), actor.key % 2 ** 32);
    inspected = -1;
  });
  mapCanvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const maxScale = MAX_BODY_PIXELS / (opened?.stage.map.bodyRadius ?? 0.5);
      camera.zoom(Math.exp(-event.deltaY * 0.0014), event.offsetX, event.offsetY, maxScale);
    },
    { passive: false },
  );
}

function onKey(event: KeyboardEvent): void {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (typing || !opened || event.ctrlKey || event.metaKey || event.altKey) return;
  const { replay, recording } = opened;
  const second = Math.round(TICKS_PER_SECOND);
  const actions: Record<string, () => void> = {
    Space: togglePlaying,
    ArrowRight: () => (event.shiftKey ? goTo(replay.tick + second) : stepOnce()),
    ArrowLeft: () => (event.shiftKey ? goTo(replay.tick - second) : stepBack()),
    Home: () => goTo(recording.firstTick),
    End: () => goTo(recording.lastTick),
    Digit0: () => camera.fit(),
    Escape: () => camera.fit(),
  };
  if (!(event.code in actions)) return;
  event.preventDefault();
  actions[event.code]();
}

function listenToFiles(): void {
  for (const id of ["open", "open-other"]) element(id).addEventListener("click", () => fileInput.click());
  element("dismiss").addEventListener("click", () => (element("drop").hidden = true));
  fileInput.addEventListener("change", () => {
    if (fileInput.files?.[0]) void open(fileInput.files[0]);
    // So that the same file can be chosen again.
    fileInput.value = "";
  });
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  window.addEventListener("dragleave", () => document.body.classList.remove("dragging"));
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    const file = event.dataTransfer?.files[0];
    if (file) void open(file);
  });
}

playButton.addEventListener("click", togglePlaying);
element("step").addEventListener("click", stepOnce);
element("step-back").addEventListener("click", stepBack);
tickInput.addEventListener("change", () => Number.isFinite(tickInput.valueAsNumber) && goTo(Math.round(tickInput.valueAsNumber)));
tickInput.addEventListener("keydown", (event) => event.key === "Enter" && tickInput.blur());
window.addEventListener("keydown", onKey);
window.addEventListener("resize", () => painter.resize(camera));
listenToMap();
listenToFiles();

/** For tests and the curious: what the page knows, as plain values. */
Object.defineProperty(window, "drumline", {
  value: {
    get replay() {
      if (!opened) return null;
      const { recording, replay, stage, survey } = opened;
      return {
        tick: replay.tick,
        firstTick: recording.firstTick,
        lastTick: recording.lastTick,
        playing,
        hash: hex(replay.simulation.hash),
        players: stage.players,
        damage: recording.damage.length,
        compared: survey.tick,
        surveyed: survey.done,
        mismatches: survey.mismatches.size,
        joins: survey.joins.length,
        deaths: survey.deaths.length,
      };
    },
    /** By name of a player: where he is drawn, CSS pixels. */
    places(): Record<string, [number, number]> {
      const all: Record<string, [number, number]> = {};
      for (const actor of opened?.stage.actors.values() ?? []) {
        if (actor.kind === "player") all[actor.name] = [camera.screenX(actor.x), camera.screenY(actor.y)];
      }
      return all;
    },
  },
});

painter.resize(camera);
requestAnimationFrame(frame);
