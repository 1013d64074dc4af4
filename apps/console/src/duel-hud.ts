// Around the stage of a duel: health, rounds, clock, what is called out, joining.
import type { GameEvent, Room } from "@drumline/client";
import { Phase, type DuelMap, type DuelStage, type Fighter } from "./duel-stage";

const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const FIGHT_CALL_MS = 900;

export class DuelHud {
  readonly nameInput = byId<HTMLInputElement>("name");
  onEnter: (name: string) => void = () => {};
  /** How the match ended, as a sentence. */
  outcome = "The duel is over.";

  private readonly entry = byId<HTMLFormElement>("entry");
  private readonly entryText = byId("entry-text");
  private readonly entryButton = byId<HTMLButtonElement>("entry-button");
  private readonly explanation = this.entryText.textContent ?? "";
  private readonly title = document.querySelector<HTMLElement>("#call h2")!;
  private readonly line = document.querySelector<HTMLElement>("#call p")!;
  private readonly clock = byId("clock");
  private readonly figures = byId("figures");
  private map: DuelMap | null = null;
  private fightUntilMs = 0;
  private lost: string | null = null;

  constructor() {
    this.entry.addEventListener("submit", (event) => {
      event.preventDefault();
      this.nameInput.blur();
      this.onEnter(this.nameInput.value);
    });
  }

  showBusy(text: string): void {
    this.showEntry(text, this.entryButton.textContent ?? "Fight");
    this.entryButton.disabled = true;
  }

  showEntry(text: string, button: string): void {
    document.body.classList.remove("playing");
    this.entry.hidden = false;
    this.entryText.textContent = text || this.explanation;
    this.entryButton.textContent = button;
    this.entryButton.disabled = false;
    this.call("", "");
    this.figures.textContent = "";
  }

  begin(map: DuelMap): void {
    this.map = map;
    this.lost = null;
    this.outcome = "The duel is over.";
    this.entry.hidden = true;
    document.body.classList.add("playing");
    this.call("", "Joining…");
  }

  /** The connection is gone, and why; null: it is back. */
  showLost(reason: string | null): void {
    this.lost = reason;
    if (reason !== null) this.call("Reconnecting…", `${reason.replace(/^no address: /, "")}. The page goes on by itself.`);
  }

  onEvent(event: GameEvent): void {
    if (event.name === "fight") this.fightUntilMs = performance.now() + FIGHT_CALL_MS;
  }

  show(stage: DuelStage, room: Room): void {
    for (const id of ["left", "right"]) {
      const fighter = stage.fighters.find((one) => one.slot === (id === "left" ? 0 : 1));
      this.showSide(byId(id), fighter, room);
    }
    this.clock.textContent = stage.phase === Phase.fight ? String(Math.ceil(stage.leftMs / 1000)) : "–";
    if (this.lost === null) this.callPhase(stage, room);
    const state = room.lockstepState;
    if (!state) return;
    const hash = (state.confirmedHash >> 32n).toString(16).padStart(8, "0");
    this.write(
      this.figures,
      `tick ${state.confirmedTick} · state hash ${hash}… as the server's · shown ${state.predictedTick - state.confirmedTick} ticks ahead · ` +
        `input delay ${state.inputDelayTicks} ticks · rollbacks ${state.rollbacks} · round trip ${Number.isFinite(room.roundTripMs) ? room.roundTripMs.toFixed(0) : "–"} ms`,
    );
  }

  private showSide(side: HTMLElement, fighter: Fighter | undefined, room: Room): void {
    side.style.visibility = fighter ? "" : "hidden";
    if (!fighter || !this.map) return;
    side.classList.toggle("self", fighter.seat === room.player);
    const bar = (name: string, share: number): HTMLElement => {
      const element = side.querySelector<HTMLElement>(`.${name} i`)!;
      element.style.transform = `scaleX(${Math.max(0, Math.min(1, share)).toFixed(3)})`;
      return element;
    };
    bar("health", fighter.health / this.map.health).classList.toggle("low", fighter.health < this.map.health * 0.3);
    bar("meter", fighter.meter / this.map.maxMeter).classList.toggle("ready", fighter.meter >= this.map.specialCost);
    this.write(side.querySelector(".name")!, nameOf(fighter, room) + (fighter.away ? " (away)" : ""));
    const needed = (this.map.bestOf >> 1) + 1;
    this.write(side.querySelector(".rounds")!, "●".repeat(fighter.rounds) + "○".repeat(Math.max(0, needed - fighter.rounds)));
  }

  private callPhase(stage: DuelStage, room: Room): void {
    switch (stage.phase) {
      case Phase.waiting:
        return this.call("Waiting for the other", "Open this page in another tab or on another machine.");
      case Phase.intro:
        return this.call(`Round ${stage.round}`, "");
      case Phase.fight:
        return this.call(performance.now() < this.fightUntilMs ? "Fight!" : "", "");
      case Phase.pause:
        return this.call(this.winnerOf(stage, room, "the round"), "");
      case Phase.over:
        return this.callMatch(this.winnerOf(stage, room, "the match"), stage);
    }
  }

  private callMatch(winner: string, { fighters }: DuelStage): void {
    const how = fighters.length < 2 ? "The other has left." : fighters.map(({ rounds }) => rounds).join(" : ");
    this.outcome = `${winner}. ${how}`;
    this.call(winner, how);
  }

  private winnerOf(stage: DuelStage, room: Room, what: string): string {
    const winner = stage.fighters.find(({ slot }) => slot === stage.winner - 1);
    if (!winner) return `Nobody won ${what}`;
    return `${winner.seat === room.player ? "You" : nameOf(winner, room)} won ${what}`;
  }

  private call(title: string, line: string): void {
    this.write(this.title, title);
    this.write(this.line, line);
  }

  private write(element: Element, text: string): void {
    if (element.textContent !== text) element.textContent = text;
  }
}

const nameOf = ({ seat }: Fighter, room: Room): string => room.roster.get(seat)?.name || `player ${seat}`;
