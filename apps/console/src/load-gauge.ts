// How hard the server has it: the rung of its overload ladder.
import type { Overload } from "./server-api";

/** By rung. */
const WORDS = ["normal load", "far cells less often", "smaller interest", "no new players", "time dilated"];

export class LoadGauge {
  private readonly root = document.getElementById("load")!;
  private readonly label = this.root.querySelector("b")!;
  private readonly steps: HTMLElement[];
  private rung = 0;

  /** `tell` says a sentence when the server climbs. */
  constructor(private readonly tell: (text: string) => void) {
    this.steps = WORDS.slice(1).map(() => this.root.querySelector("span")!.appendChild(document.createElement("i")));
  }

  /** Undefined: a server that knows no ladder, or stands at its foot. */
  show({ rung, pace_percent: pace = 100, reason = "" }: Overload = { rung: 0 }): void {
    const at = Math.max(0, Math.min(WORDS.length - 1, Math.round(Number(rung)) || 0));
    const text = at === 4 ? `${WORDS[at]} ×${(pace / 100).toFixed(2)}` : WORDS[at];
    if (this.label.textContent !== text) this.label.textContent = text;
    this.root.dataset.rung = String(at);
    this.root.title = reason || `overload: rung ${at} of ${WORDS.length - 1}`;
    this.steps.forEach((step, i) => step.classList.toggle("lit", i < at));
    if (at > this.rung) this.tell(`The server has too much to do: ${text}.${reason ? ` ${reason}` : ""}`);
    this.rung = at;
  }
}
