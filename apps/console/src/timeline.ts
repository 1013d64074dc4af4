// The bar under the map: where the replay stands, and what happened when.
import type { Recording } from "@drumline/client";
import type { Survey } from "./survey";

const JOIN = "#5fd38d";
const DEATH = "#ff8a70";
const MISMATCH = "#ff3b3b";
const STATE = "rgba(140,165,210,.4)";
const TRACK_TOP = 18;
const TRACK_HEIGHT = 12;
const INSET = 8;

export class Timeline {
  private readonly g: CanvasRenderingContext2D;
  private first = 0;
  private last = 1;

  /** `onSeek` is called with a tick while the pointer is pressed on the bar. */
  constructor(private readonly canvas: HTMLCanvasElement, onSeek: (tick: number) => void) {
    this.g = canvas.getContext("2d")!;
    const seek = (event: PointerEvent): void => {
      const f = (event.offsetX - INSET) / Math.max(1, canvas.clientWidth - 2 * INSET);
      onSeek(Math.round(this.first + Math.min(1, Math.max(0, f)) * (this.last - this.first)));
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      seek(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) seek(event);
    });
  }

  draw(recording: Recording, survey: Survey, time: number): void {
    const { g, canvas } = this;
    [this.first, this.last] = [recording.firstTick, recording.lastTick];
    const ratio = Math.min(2, devicePixelRatio || 1);
    const { clientWidth: width, clientHeight: height } = canvas;
    if (canvas.width !== Math.round(width * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    const span = Math.max(1, this.last - this.first);
    const xOf = (tick: number): number => INSET + ((tick - this.first) / span) * (width - 2 * INSET);

    g.fillStyle = "rgba(140,165,210,.12)";
    g.fillRect(INSET, TRACK_TOP, width - 2 * INSET, TRACK_HEIGHT);
    // What has been played and compared so far.
    g.fillStyle = "rgba(99,179,255,.3)";
    g.fillRect(INSET, TRACK_TOP, xOf(survey.tick) - INSET, TRACK_HEIGHT);
    const mark = (ticks: Iterable<number>, color: string, top: number, bottom: number): void => {
      g.fillStyle = color;
      let drawn = -1;
      for (const tick of ticks) {
        const x = Math.round(xOf(tick));
        // Marks are in the order of time: one a pixel will do.
        if (x !== drawn) g.fillRect(x - 0.75, top, 1.5, bottom - top);
        drawn = x;
      }
    };
    mark(recording.states.map((state) => state.tick), STATE, TRACK_TOP + TRACK_HEIGHT, TRACK_TOP + TRACK_HEIGHT + 4);
    mark(survey.joins, JOIN, TRACK_TOP - 12, TRACK_TOP - 2);
    mark(survey.deaths, DEATH, TRACK_TOP + 1, TRACK_TOP + TRACK_HEIGHT - 1);
    mark(survey.mismatches.keys(), MISMATCH, TRACK_TOP - 14, TRACK_TOP + TRACK_HEIGHT + 4);

    const x = xOf(time);
    g.fillStyle = "#fff";
    g.fillRect(x - 1, TRACK_TOP - 12, 2, TRACK_HEIGHT + 18);
    g.beginPath();
    g.arc(x, TRACK_TOP - 12, 4.5, 0, 2 * Math.PI);
    g.fill();
    this.drawLegend(height);
  }

  private drawLegend(height: number): void {
    const { g } = this;
    g.font = '11px system-ui, "DejaVu Sans", sans-serif';
    g.textBaseline = "alphabetic";
    let x = INSET;
    for (const [color, text] of [[JOIN, "joins"], [DEATH, "deaths"], [STATE, "kept states"], ["rgba(99,179,255,.6)", "hashes compared"]]) {
      g.fillStyle = color;
      g.fillRect(x, height - 8, 7, 7);
      g.fillStyle = "#8291ad";
      g.fillText(text, x + 11, height - 1);
      x += g.measureText(text).width + 28;
    }
  }
}
