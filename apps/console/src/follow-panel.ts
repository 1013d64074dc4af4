// The panel of the player that is followed: who he is, and what he is sent.
import type { FollowFigures } from "./follow-meter";
import { format, Plot } from "./plots";
import { hueOf } from "./scene";
import { TIERS } from "./tiers";

const byId = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const element = (tag: string, className: string, text = ""): HTMLElement =>
  Object.assign(document.createElement(tag), { className, textContent: text });

const AGE = "word's age, half · all";
const FACTS = ["largest frame", "frames/s", "entities a frame", "streams a frame", "key frames/s", "to this player", AGE];

export class FollowPanel {
  readonly button = byId<HTMLButtonElement>("follow-button");
  private readonly root = byId("follow");
  private readonly name = byId("follow-name");
  private readonly swatch = byId("follow-swatch");
  private readonly figures = byId("follow-figures");
  private readonly facts = new Map<string, HTMLElement>();
  private readonly counts: HTMLElement[];
  private readonly frame: Plot;

  constructor() {
    this.frame = new Plot(this.figures, { label: "bytes a frame", unit: "B", color: "#63b3ff" });
    const facts = element("div", "facts");
    for (const name of FACTS) {
      const value = element("b", "", "–");
      facts.append(element("span", "", name), value);
      this.facts.set(name, value);
    }
    const tiers = element("ul", "tiers");
    this.counts = TIERS.map(({ label, color }) => {
      const count = element("b", "", "–");
      const mark = element("i", "");
      mark.style.background = color;
      const row = element("li", "");
      row.append(mark, element("span", "", label), count);
      tiers.append(row);
      return count;
    });
    this.figures.append(facts, tiers);
  }

  /** Nobody: hidden. `sees`: the map shows what he is sent; else he is only followed. */
  show(player: { slot: number; name: string; gone: boolean } | null, sees: boolean): void {
    this.root.hidden = player === null;
    this.figures.hidden = !sees;
    this.root.classList.toggle("sees", sees);
    if (!player) return;
    const { slot, name, gone } = player;
    const title = `${name || `player ${slot}`}${gone ? " (left)" : ""}`;
    if (this.name.textContent !== title) this.name.textContent = title;
    this.swatch.style.background = `hsl(${hueOf(slot)} 75% 60%)`;
    const label = sees ? "Back to the whole map" : "See what he is sent";
    if (this.button.textContent !== label) this.button.textContent = label;
  }

  showFigures(figures: FollowFigures): void {
    const ms = (value: number): string => (Number.isFinite(value) ? format(value) : "–");
    this.frame.push(figures.bytes);
    this.fact("largest frame", `${format(figures.largest)} B`);
    this.fact("frames/s", format(figures.framesPerS));
    this.fact("entities a frame", format(figures.entities));
    this.fact("streams a frame", figures.streams.toFixed(1));
    this.fact("key frames/s", figures.keysPerS.toFixed(1));
    this.fact("to this player", `${format((figures.bytesPerS * 8) / 1000)} kbit/s`);
    this.fact(AGE, `${ms(figures.medianAgeMs)} · ${ms(figures.oldestMs)} ms`);
    figures.tiers.forEach((count, tier) => (this.counts[tier].textContent = String(count)));
  }

  private fact(name: string, text: string): void {
    this.facts.get(name)!.textContent = text;
  }
}
