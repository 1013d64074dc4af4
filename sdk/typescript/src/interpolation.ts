// Turns states that come at ticks into movement that is smooth on the screen:
// what is drawn lies a little in the past, between two known states.

/** Relates the server's ticks to the local clock, from when frames arrive. */
export class TickClock {
  private offsetMs = 0;
  private known = false;
  private gapTicks = 1;

  constructor(private readonly tickMs: number) {}

  /** A frame of `tick` arrived at `nowMs`. */
  observe(tick: number, nowMs: number): void {
    const sample = nowMs - tick * this.tickMs;
    const error = sample - this.offsetMs;
    // A jump is another server life or a long stall; otherwise drift and jitter.
    if (!this.known || Math.abs(error) > 400) {
      this.offsetMs = sample;
      this.known = true;
    } else {
      this.offsetMs += error * 0.05;
    }
  }

  /** An entity's state is `ticks` newer than the one before: what delay must bridge. */
  observeGap(ticks: number): void {
    if (ticks > 32) return;
    // Follows about the 95th percentile.
    this.gapTicks += ticks > this.gapTicks ? 0.019 * (ticks - this.gapTicks) : -0.001 * (this.gapTicks - ticks);
  }

  reset(): void {
    this.known = false;
    this.gapTicks = 1;
  }

  /** The server's tick now, with a fraction. */
  tickAt(nowMs: number): number {
    return this.known ? (nowMs - this.offsetMs) / this.tickMs : 0;
  }

  /** How far behind to draw so that two states are mostly at hand, milliseconds. */
  get delayMs(): number {
    return Math.min(320, Math.max(90, (this.gapTicks + 3.5) * this.tickMs));
  }
}

const SAMPLES = 16;
/** Beyond the newest state, movement goes on for this long and no longer. */
const MAX_EXTRAPOLATION_TICKS = 6;

/** The last few positions and headings of one entity. */
export class Track {
  private readonly ticks = new Float64Array(SAMPLES);
  private readonly xs = new Float64Array(SAMPLES);
  private readonly ys = new Float64Array(SAMPLES);
  private readonly angles = new Float64Array(SAMPLES);
  private count = 0;
  private head = -1; // newest

  /** Out: where it is at the sampled tick. */
  x = 0;
  y = 0;
  angle = 0;

  get newestTick(): number {
    return this.count > 0 ? this.ticks[this.head] : -1;
  }

  /** `jumpDistance`: a longer way between two states is a teleport, not a movement. */
  push(tick: number, x: number, y: number, angle: number, jumpDistance: number): void {
    if (this.count > 0) {
      if (tick <= this.ticks[this.head] - 256) this.count = 0; // another life of the server
      else if (tick <= this.ticks[this.head]) return;
      if (this.count > 0 && Math.hypot(x - this.xs[this.head], y - this.ys[this.head]) > jumpDistance) this.count = 0;
    }
    this.head = (this.head + 1) % SAMPLES;
    this.count = Math.min(SAMPLES, this.count + 1);
    this.ticks[this.head] = tick;
    this.xs[this.head] = x;
    this.ys[this.head] = y;
    this.angles[this.head] = angle;
  }

  /** Sets x, y and angle to those of `tick`. */
  sample(tick: number): void {
    if (this.count === 0) return;
    let newer = this.head;
    for (let i = 0; i < this.count; i++) {
      const at = (this.head - i + SAMPLES) % SAMPLES;
      if (this.ticks[at] <= tick) {
        if (i === 0) {
          this.extrapolate(tick);
        } else {
          const f = (tick - this.ticks[at]) / (this.ticks[newer] - this.ticks[at]);
          this.x = this.xs[at] + (this.xs[newer] - this.xs[at]) * f;
          this.y = this.ys[at] + (this.ys[newer] - this.ys[at]) * f;
          this.angle = turn(this.angles[at], this.angles[newer], f);
        }
        return;
      }
      newer = at;
    }
    this.x = this.xs[newer];
    this.y = this.ys[newer];
    this.angle = this.angles[newer];
  }

  private extrapolate(tick: number): void {
    const at = this.head;
    this.x = this.xs[at];
    this.y = this.ys[at];
    this.angle = this.angles[at];
    if (this.count < 2) return;
    const before = (at - 1 + SAMPLES) % SAMPLES;
    const span = this.ticks[at] - this.ticks[before];
    if (span > 12) return;
    const f = Math.min(tick - this.ticks[at], MAX_EXTRAPOLATION_TICKS) / span;
    this.x += (this.xs[at] - this.xs[before]) * f;
    this.y += (this.ys[at] - this.ys[before]) * f;
  }
}

/** From one angle to another the short way round, radians. */
export function turn(from: number, to: number, f: number): number {
  let difference = (to - from) % (2 * Math.PI);
  if (difference > Math.PI) difference -= 2 * Math.PI;
  if (difference < -Math.PI) difference += 2 * Math.PI;
  return from + difference * f;
}
