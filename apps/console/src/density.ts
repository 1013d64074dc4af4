// How crowded the map is where: players counted on a grid, spread over their neighbourhood.
import type { ArenaMap } from "./arena";
import type { Stage } from "./scene";

/** Cells along the map's longer side. */
const CELLS = 160;
/** How far a player's presence is spread, cells. */
const SPREAD_CELLS = 2;
const PASSES = 3;
const INTERVAL_MS = 100;
/** Density is told for so much ground, map units squared. */
export const DENSITY_AREA = 100 * 100;

export class Density {
  columns = 0;
  rows = 0;
  /** By cell, row by row: the square root of its share of the peak, in 255ths. The root, so
   * that what is only lively is told from what is empty beside the most crowded place. */
  texels = new Uint8Array(0);
  /** Rises whenever the texels change. */
  version = 0;
  /** Players on DENSITY_AREA where it is most crowded; smoothed, so that a legend can be read. */
  peak = 0;
  width = 1;
  height = 1;
  private counts = new Float32Array(0);
  private spare = new Float32Array(0);
  private takenMs = -Infinity;

  /** Counts anew, ten times a second. */
  take(stage: Stage, nowMs: number): void {
    if (nowMs - this.takenMs < INTERVAL_MS) return;
    this.takenMs = nowMs;
    this.shape(stage.map);
    const { counts, columns, rows, width, height } = this;
    counts.fill(0);
    for (const { kind, dead, x, y } of stage.actors.values()) {
      if (kind !== "player" || dead) continue;
      const column = Math.min(columns - 1, Math.max(0, Math.floor((x / width) * columns)));
      const row = Math.min(rows - 1, Math.max(0, Math.floor((y / height) * rows)));
      counts[row * columns + column]++;
    }
    // Boxes along each axis, several times: together about a bell.
    for (let pass = 0; pass < PASSES; pass++) {
      spread(counts, this.spare, rows, columns, columns, 1);
      spread(this.spare, counts, columns, rows, 1, columns);
    }
    let most = 0;
    for (const count of counts) most = Math.max(most, count);
    const peak = (most * columns * rows * DENSITY_AREA) / (width * height);
    this.peak += (peak - this.peak) * (this.peak === 0 ? 1 : peak > this.peak ? 0.4 : 0.08);
    const full = (this.peak * width * height) / (columns * rows * DENSITY_AREA);
    for (let i = 0; i < counts.length; i++) {
      this.texels[i] = full > 0 ? Math.min(255, Math.round(255 * Math.sqrt(counts[i] / full))) : 0;
    }
    this.version++;
  }

  private shape(map: ArenaMap): void {
    if (this.width === map.width && this.height === map.height && this.columns > 0) return;
    [this.width, this.height] = [map.width, map.height];
    const cell = Math.max(map.width, map.height) / CELLS;
    this.columns = Math.max(1, Math.round(map.width / cell));
    this.rows = Math.max(1, Math.round(map.height / cell));
    this.counts = new Float32Array(this.columns * this.rows);
    this.spare = new Float32Array(this.columns * this.rows);
    this.texels = new Uint8Array(this.columns * this.rows);
    this.peak = 0;
  }
}

/** The mean of a cell's neighbourhood along one axis, by a running sum. */
function spread(from: Float32Array, to: Float32Array, lines: number, length: number, lineStep: number, step: number): void {
  const share = 1 / (2 * SPREAD_CELLS + 1);
  for (let line = 0; line < lines; line++) {
    const first = line * lineStep;
    let sum = 0;
    for (let i = 0; i < Math.min(SPREAD_CELLS, length); i++) sum += from[first + i * step];
    for (let i = 0; i < length; i++) {
      if (i + SPREAD_CELLS < length) sum += from[first + (i + SPREAD_CELLS) * step];
      if (i - SPREAD_CELLS - 1 >= 0) sum -= from[first + (i - SPREAD_CELLS - 1) * step];
      to[first + i * step] = Math.max(0, sum * share);
    }
  }
}
