// Everything around the map: connection, scores, plots, skills, notices.
import type { ScoreboardMessage } from "@drumline/client";
import { LoadGauge } from "./load-gauge";
import { format, Plot } from "./plots";
import type { InputFigures } from "./prediction";
import { hueOf, type Scene } from "./scene";
import type { ServerStats } from "./server-api";

const SHOWN_SCORES = 12;
const SPECTATOR_HELP =
  "<kbd>drag</kbd> <kbd>wheel</kbd> move, zoom · <kbd>click</kbd> follow a player · " +
  "<kbd>V</kbd> see what he is sent · <kbd>H</kbd> density · <kbd>0</kbd> all";
const PLAYER_HELP =
  "<kbd>WASD</kbd> run · <kbd>mouse</kbd> aim · <kbd>click</kbd> attack · <kbd>Space</kbd> dash · <kbd>Q</kbd> ward · <kbd>E</kbd> blast · <kbd>wheel</kbd> zoom";

const INPUT_FACT = "input shown · counted";
const CORRECTIONS_FACT = "corrections · longest";

export type Status = "connecting" | "connected" | "reconnecting" | "unreachable" | "left";

const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;

export class Hud {
  readonly joinForm = byId<HTMLFormElement>("join");
  readonly nameInput = byId<HTMLInputElement>("name");
  readonly joinButton = byId<HTMLButtonElement>("join-button");
  readonly leaveButton = byId<HTMLButtonElement>("leave-button");
  onFollow: (player: number) => void = () => {};

  private readonly status = byId("status");
  private readonly subtitle = byId("subtitle");
  private readonly list = byId("score-list");
  private readonly playerCount = byId("player-count");
  private readonly skillBar = byId("skills");
  private readonly vitals = byId("vitals");
  private readonly help = byId("help");
  private readonly death = byId("death");
  private readonly notice = byId("notice");
  private readonly toasts = byId("toasts");
  private readonly lateness: Plot;
  private readonly frames: Plot;
  private readonly journal: Plot;
  private readonly correction: Plot;
  private readonly load = new LoadGauge((text) => this.toast(text));
  private readonly facts = new Map<string, HTMLElement>();
  private skills: Array<{ root: HTMLElement; shade: HTMLElement }> = [];

  constructor() {
    const plots = byId("plots");
    this.lateness = new Plot(plots, { label: "tick lateness, p99", unit: "µs", color: "#63b3ff", limit: 1000 });
    this.frames = new Plot(plots, { label: "client-frames a second", unit: "/s", color: "#5fd38d" });
    this.journal = new Plot(plots, { label: "journal commit, p99", unit: "µs", color: "#e58bff", limit: 1000 });
    this.makeFacts(plots, "facts", ["skipped ticks", "sessions", "server memory", "page: fps · round trip", "connected by"]);
    // Of the player's own doing, and only while he plays.
    const own = this.makeFacts(plots, "facts own", [INPUT_FACT, CORRECTIONS_FACT]);
    own.title =
      "Your own moves are predicted in this page, by the game's rules. Input: from the key to the picture, and from the " +
      "command to the server's word that it counts. Corrections: how often that word was another, and by how much.";
    this.correction = new Plot(own, { label: "correction", unit: "u", color: "#ffb347", digits: 2 });
    this.list.addEventListener("click", (event) => {
      const row = (event.target as HTMLElement).closest("li");
      if (row) this.onFollow(Number(row.dataset.player));
    });
    this.showSeat(false);
  }

  showStatus(state: Status, text: string): void {
    if (this.status.dataset.state !== state) this.status.dataset.state = state;
    const label = this.status.querySelector("b")!;
    if (label.textContent !== text) label.textContent = text;
  }

  showSubtitle(text: string): void {
    if (this.subtitle.textContent !== text) this.subtitle.textContent = text;
  }

  showSeat(playing: boolean): void {
    document.body.classList.toggle("playing", playing);
    this.help.innerHTML = playing ? PLAYER_HELP : SPECTATOR_HELP;
    this.skillBar.hidden = this.vitals.hidden = !playing;
    this.leaveButton.hidden = !playing;
    this.joinButton.hidden = playing;
    this.nameInput.hidden = playing;
    this.joinForm.querySelector("label")!.textContent = playing ? "You are in the battle." : "Play along:";
    if (!playing) this.showDeath(null);
  }

  showNotice(title: string, text: string): void {
    this.notice.hidden = title === "";
    // One thing at a time: whoever is down and offline at once is told the latter.
    document.body.classList.toggle("noticed", title !== "");
    this.notice.querySelector("h2")!.textContent = title;
    this.notice.querySelector("p")!.textContent = text;
  }

  toast(text: string): void {
    const toast = document.createElement("div");
    toast.textContent = text;
    this.toasts.append(toast);
    while (this.toasts.children.length > 4) this.toasts.firstChild!.remove();
    setTimeout(() => toast.remove(), 3200);
  }

  showDeath(by: string | null): void {
    const hidden = by === null;
    const text = by ? `${by} got you. You will be back in a moment…` : "You will be back in a moment…";
    const line = this.death.querySelector("p")!;
    if (this.death.hidden === hidden && (hidden || line.textContent === text)) return;
    this.death.hidden = hidden;
    line.textContent = text;
  }

  /** `health` from 0 to 1 of `full` points. */
  showVitals(health: number, full: number, score: number): void {
    const text = `${Math.ceil(health * full)} / ${full} · score ${score}`;
    const label = this.vitals.querySelector("b")!;
    if (label.textContent === text) return;
    label.textContent = text;
    const bar = this.vitals.querySelector("i")!;
    bar.style.transform = `scaleX(${health.toFixed(3)})`;
    bar.dataset.state = health > 0.6 ? "good" : health > 0.3 ? "hurt" : "low";
  }

  showScores(board: ScoreboardMessage, scene: Scene, ownPlayer: number, followed: number): void {
    this.playerCount.textContent = `${(scene.players || scene.names.size).toLocaleString("en")} players`;
    const own = board.entries.findIndex((entry) => entry.player === ownPlayer);
    const shown = board.entries.slice(0, SHOWN_SCORES).map((entry, i) => ({ ...entry, rank: String(i + 1) }));
    // Who plays sees himself, be he on the server's list or not.
    const { self } = scene;
    if (ownPlayer >= 0 && self && (own < 0 || own >= SHOWN_SCORES)) {
      const score = own < 0 ? self.score : board.entries[own].score;
      shown.splice(SHOWN_SCORES - 1, 1, { player: ownPlayer, score, rank: own < 0 ? "–" : String(own + 1) });
    }
    while (this.list.children.length > shown.length) this.list.lastChild!.remove();
    shown.forEach((entry, i) => {
      let row = this.list.children[i] as HTMLElement | undefined;
      if (!row) {
        row = document.createElement("li");
        for (const name of ["rank", "swatch", "who", "score"]) {
          row.append(Object.assign(document.createElement("span"), { className: name }));
        }
        this.list.append(row);
      }
      const isSelf = entry.player === ownPlayer;
      const [rank, swatch, who, score] = row.children as unknown as HTMLElement[];
      row.dataset.player = String(entry.player);
      row.className = isSelf ? "self" : scene.byPlayer(entry.player)?.key === followed ? "followed" : "";
      rank.textContent = entry.rank;
      swatch.style.background = `hsl(${isSelf ? 36 : hueOf(entry.player)} 75% 60%)`;
      who.textContent = scene.names.get(entry.player) || `player ${entry.player}`;
      score.textContent = String(entry.score);
    });
  }

  showStats(stats: ServerStats): void {
    this.load.show(stats.overload);
    this.lateness.push(stats.lateness_us?.p99);
    this.frames.push(stats.client_frames_per_s);
    this.journal.push(stats.journal_commit_us?.p99);
    this.fact("skipped ticks", String(stats.skipped_ticks ?? "–"));
    this.fact("sessions", String(stats.sessions ?? "–"));
    const { memory_bytes: memory } = stats;
    this.fact("server memory", memory === undefined ? "–" : `${format(memory / 2 ** 20)} MiB`);
  }

  showPage(fps: number, roundTripMs: number, transport: string): void {
    const trip = Number.isFinite(roundTripMs) ? `${roundTripMs.toFixed(roundTripMs < 10 ? 1 : 0)} ms` : "–";
    this.fact("page: fps · round trip", `${Math.round(fps)} · ${trip}`);
    this.fact("connected by", transport || "–");
  }

  showInput({ predicted, shownMs, countedMs, correction, corrections, longest }: InputFigures): void {
    const ms = (value: number): string => (Number.isFinite(value) ? value.toFixed(0) : "–");
    this.fact(INPUT_FACT, `${ms(shownMs)} · ${ms(countedMs)} ms`);
    this.fact(CORRECTIONS_FACT, predicted ? `${corrections} · ${longest.toFixed(2)} u` : "not predicted");
    if (predicted) this.correction.push(correction);
  }

  private makeFacts(parent: HTMLElement, className: string, names: readonly string[]): HTMLElement {
    const facts = Object.assign(document.createElement("div"), { className });
    for (const name of names) {
      const value = Object.assign(document.createElement("b"), { textContent: "–" });
      facts.append(Object.assign(document.createElement("span"), { textContent: name }), value);
      this.facts.set(name, value);
    }
    parent.append(facts);
    return facts;
  }

  private fact(name: string, text: string): void {
    this.facts.get(name)!.textContent = text;
  }

  makeSkills(scene: Scene): void {
    this.skillBar.replaceChildren();
    this.skills = scene.map.skills.map(({ name, key }) => {
      const root = document.createElement("div");
      root.className = "skill ready";
      const shade = document.createElement("i");
      root.append(
        shade,
        Object.assign(document.createElement("b"), { textContent: name }),
        Object.assign(document.createElement("span"), { textContent: key }),
      );
      this.skillBar.append(root);
      return { root, shade };
    });
  }

  showCooldowns(scene: Scene, readyAt: readonly number[], nowMs: number): void {
    this.skills.forEach(({ root, shade }, i) => {
      const left = Math.max(0, readyAt[i] - nowMs) / scene.map.skills[i].cooldownMs;
      shade.style.transform = `scaleY(${left.toFixed(3)})`;
      const name = left > 0 ? "skill cooling" : "skill ready";
      if (root.className !== name) root.className = name;
    });
  }
}
