// The switch of the heat map, and what its colours mean.
import { DENSITY_AREA, type Density } from "./density";
import { RAMP } from "./heat-map";
import { format } from "./plots";

/** With more players on the map the heat map is on unless somebody turned it off. */
const CROWDED = 1000;
const SIDE = Math.sqrt(DENSITY_AREA);

export class Layers {
  private readonly toggle = document.getElementById("heat-switch") as HTMLInputElement;
  private readonly legend = document.getElementById("heat-legend")!;
  private readonly unit = this.toggle.parentElement!.querySelector("small")!;
  private readonly labels = [...this.legend.querySelectorAll("span")];
  /** What the person wants; null: never said. */
  private wanted: boolean | null = null;

  constructor() {
    this.legend.querySelector("i")!.style.background = `linear-gradient(90deg, ${RAMP.join(", ")})`;
    this.unit.textContent = `players on ${SIDE} × ${SIDE}`;
    this.toggle.addEventListener("change", () => (this.wanted = this.toggle.checked));
  }

  get isOn(): boolean {
    return this.toggle.checked;
  }

  flip(): void {
    this.wanted = !this.toggle.checked;
  }

  /** Whether the heat map is shown. */
  isHeatOn(players: number): boolean {
    return this.wanted ?? players > CROWDED;
  }

  /** `density` null: it is not shown, as the browser cannot (`able` false) or nobody wants it. */
  show(density: Density | null, able: boolean): void {
    this.toggle.disabled = !able;
    this.toggle.checked = density !== null;
    this.legend.hidden = this.unit.hidden = density === null;
    if (!density) return;
    // Colours go by the square root.
    const values = ["0", format(density.peak / 4, density.peak < 40 ? 1 : 0), format(density.peak, density.peak < 10 ? 1 : 0)];
    this.labels.forEach((label, i) => {
      if (label.textContent !== values[i]) label.textContent = values[i];
    });
  }
}
