// Draws the stage of a duel: ground, fighters by their stance, projectiles, sparks.
import type { GameEvent } from "@drumline/client";
import { Stance, type DuelStage, type Fighter } from "./duel-stage";

const COLORS = ["#ffb347", "#63b3ff"];
const SPARK_MS = 420;
/** Units in sight at the least, and beyond each fighter. */
const MIN_SPAN = 8;
const SPAN_MARGIN = 2.2;
/** Of the way to where to look, a frame. */
const LOOK_EASE = 0.08;

interface Spark {
  x: number;
  y: number;
  text: string;
  color: string;
  bornMs: number;
}

/** How a stance leans the body and where its hand is: lean, crouch, reach, and the hand's height. */
type Pose = [lean: number, crouch: number, reach: number, hand: number];
const POSES: Partial<Record<Stance, Pose>> = {
  [Stance.walk]: [0.08, 0, 0.25, 0.55],
  [Stance.guard]: [-0.1, 0.1, 0.35, 0.75],
  [Stance.block]: [-0.18, 0.14, 0.3, 0.78],
  [Stance.jump]: [0.1, 0.12, 0.3, 0.7],
  [Stance.light]: [0.2, 0.04, 1.15, 0.7],
  [Stance.heavy]: [0.34, 0.1, 1.5, 0.6],
  [Stance.grab]: [0.3, 0.06, 0.85, 0.62],
  [Stance.dash]: [0.5, 0.22, 0.2, 0.5],
  [Stance.special]: [0.12, 0.1, 0.9, 0.6],
  [Stance.hit]: [-0.4, 0.06, -0.2, 0.5],
};
const IDLE: Pose = [0, 0, 0.22, 0.55];

export class DuelPainter {
  private readonly g: CanvasRenderingContext2D;
  private sparks: Spark[] = [];
  private width = 1;
  private height = 1;
  private ratio = 1;
  /** Of the stage, what is in sight: how much, and around where. */
  private span = 0;
  private middle = 0;

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.g = canvas.getContext("2d", { alpha: false })!;
    this.resize();
  }

  resize(): void {
    this.ratio = Math.min(2, devicePixelRatio || 1);
    [this.width, this.height] = [innerWidth, innerHeight];
    this.canvas.width = Math.round(this.width * this.ratio);
    this.canvas.height = Math.round(this.height * this.ratio);
  }

  /** What happened, as marks that fade. */
  add(event: GameEvent, nowMs: number): void {
    const texts: Record<string, [string, string]> = {
      hit: [`−${event.a}${event.b > 1 ? ` ×${event.b}` : ""}`, "#ff9d7a"],
      block: ["blocked", "#9fc4ff"],
      thrown: [`−${event.a}`, "#ff9d7a"],
      throw_break: ["break", "#d7dff0"],
      fizzle: ["", "#63b3ff"],
      knockout: ["K.O.", "#ffe2b5"],
    };
    const found = texts[event.name];
    if (found) this.sparks.push({ x: event.x, y: event.y, text: found[0], color: found[1], bornMs: nowMs });
  }

  draw(stage: DuelStage | null, ownSeat: number, nowMs: number): void {
    const { g } = this;
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.fillStyle = "#0a0e16";
    g.fillRect(0, 0, this.width, this.height);
    if (!stage) return;
    const scale = this.look(stage);
    const groundY = Math.min(this.height - 84, this.height * 0.8);
    const px = (x: number): number => this.width / 2 + (x - this.middle) * scale;
    const py = (y: number): number => groundY - y * scale;
    this.drawGround(px(0), px(stage.width), groundY, scale);
    for (const fighter of stage.fighters) this.drawFighter(stage, fighter, px, py, scale, fighter.seat === ownSeat, nowMs);
    for (const { x, y, owner } of stage.projectiles) this.drawProjectile(px(x), py(y), stage.map.projectileRadius * scale, COLORS[owner % 2]);
    this.drawSparks(px, py, scale, nowMs);
  }

  /** Both fighters in sight, as large as that allows; gives the pixels a unit. */
  private look(stage: DuelStage): number {
    const places = stage.fighters.map(({ x }) => x);
    const [from, to] = places.length > 0 ? [Math.min(...places), Math.max(...places)] : [0, stage.width];
    const span = Math.min(stage.width + 0.4, Math.max(MIN_SPAN, to - from + 2 * SPAN_MARGIN));
    const edge = stage.width / 2 - span / 2 + 0.2;
    const middle = stage.width / 2 + Math.max(-edge, Math.min(edge, (from + to) / 2 - stage.width / 2));
    const f = this.span === 0 ? 1 : LOOK_EASE;
    this.span += (span - this.span) * f;
    this.middle += (middle - this.middle) * f;
    return Math.min(this.width / this.span, (this.height * 0.62) / (stage.height * 0.6));
  }

  private drawGround(from: number, to: number, y: number, scale: number): void {
    const { g } = this;
    const glow = g.createLinearGradient(0, y, 0, y + 90);
    glow.addColorStop(0, "#1d2940");
    glow.addColorStop(1, "#0a0e16");
    g.fillStyle = glow;
    g.fillRect(from, y, to - from, 90);
    g.strokeStyle = "rgba(140,165,210,.12)";
    g.lineWidth = 1;
    g.beginPath();
    for (let x = from; x <= to + 1; x += scale) {
      g.moveTo(x, y);
      g.lineTo(from + (to - from) / 2 + (x - from - (to - from) / 2) * 1.25, y + 90);
    }
    g.stroke();
    g.strokeStyle = "#465879";
    g.lineWidth = 2;
    g.beginPath();
    g.moveTo(from, y);
    g.lineTo(to, y);
    for (const x of [from, to]) {
      g.moveTo(x, y);
      g.lineTo(x, y - scale * 1.2);
    }
    g.stroke();
  }

  private drawFighter(
    stage: DuelStage,
    fighter: Fighter,
    px: (x: number) => number,
    py: (y: number) => number,
    scale: number,
    own: boolean,
    nowMs: number,
  ): void {
    const { g } = this;
    const { stance } = fighter;
    const side = fighter.facesLeft ? -1 : 1;
    const [x, y] = [px(fighter.x), py(fighter.y)];
    const body = stage.map.height * scale;
    const wide = stage.map.halfWidth * scale;
    g.fillStyle = "rgba(0,0,0,.4)";
    g.beginPath();
    g.ellipse(x, py(0) + 3, wide * 1.5, wide * 0.28, 0, 0, 2 * Math.PI);
    g.fill();
    g.save();
    g.translate(x, y);
    g.globalAlpha = fighter.away ? 0.4 : 1;
    const lies = stance === Stance.down || stance === Stance.out;
    if (lies) g.rotate((-side * Math.PI) / 2);
    g.scale(side, 1);
    const [lean, crouch, reach, hand] = POSES[stance] ?? IDLE;
    // Breathing, and a walk's swing.
    const swing = stance === Stance.walk ? Math.sin(nowMs / 90) * 0.5 : Math.sin(nowMs / 420) * 0.06;
    const hip = -body * (0.46 - crouch);
    const neck: [number, number] = [lean * body * 0.5, hip - body * 0.32];
    const color = COLORS[fighter.slot % 2];
    g.lineCap = "round";
    g.lineJoin = "round";
    g.strokeStyle = color;
    const limb = (width: number, ...points: Array<[number, number]>): void => {
      g.lineWidth = width;
      g.beginPath();
      points.forEach(([a, b], i) => (i === 0 ? g.moveTo(a, b) : g.lineTo(a, b)));
      g.stroke();
    };
    limb(wide * 0.42, [0, hip], [wide * (0.35 + swing), hip / 2], [wide * (0.5 + swing), 0]);
    limb(wide * 0.42, [0, hip], [-wide * (0.25 + swing), hip / 2], [-wide * (0.55 + swing), 0]);
    limb(wide * 0.7, [0, hip], neck);
    const handAt: [number, number] = [neck[0] + reach * scale * 0.82, -body * hand];
    limb(wide * 0.34, neck, [(neck[0] + handAt[0]) / 2, handAt[1] + body * 0.06], handAt);
    g.fillStyle = color;
    g.beginPath();
    g.arc(neck[0] + wide * 0.1, neck[1] - body * 0.12, body * 0.11, 0, 2 * Math.PI);
    g.fill();
    if (stance === Stance.guard || stance === Stance.block) {
      g.strokeStyle = "rgba(160,200,255,.7)";
      g.lineWidth = 3;
      g.beginPath();
      g.arc(wide * 0.6, -body * 0.55, body * 0.42, -1, 1);
      g.stroke();
    }
    g.restore();
    if (own) this.drawMark(x, y - body - 26, color);
  }

  private drawMark(x: number, y: number, color: string): void {
    const { g } = this;
    g.fillStyle = color;
    g.beginPath();
    g.moveTo(x - 7, y);
    g.lineTo(x + 7, y);
    g.lineTo(x, y + 9);
    g.closePath();
    g.fill();
  }

  private drawProjectile(x: number, y: number, radius: number, color: string): void {
    const { g } = this;
    const glow = g.createRadialGradient(x, y, radius * 0.2, x, y, radius * 1.8);
    glow.addColorStop(0, "#fff");
    glow.addColorStop(0.4, color);
    glow.addColorStop(1, "rgba(0,0,0,0)");
    g.fillStyle = glow;
    g.beginPath();
    g.arc(x, y, radius * 1.8, 0, 2 * Math.PI);
    g.fill();
  }

  private drawSparks(px: (x: number) => number, py: (y: number) => number, scale: number, nowMs: number): void {
    const { g } = this;
    this.sparks = this.sparks.filter((spark) => nowMs - spark.bornMs < SPARK_MS);
    g.textAlign = "center";
    for (const [i, { x, y, text, color, bornMs }] of this.sparks.entries()) {
      const f = (nowMs - bornMs) / SPARK_MS;
      const [cx, cy] = [px(x), py(y + 1)];
      g.globalAlpha = 1 - f;
      g.strokeStyle = color;
      g.lineWidth = 3;
      g.beginPath();
      g.arc(cx, cy, scale * (0.15 + f * 0.5), 0, 2 * Math.PI);
      g.stroke();
      g.fillStyle = color;
      g.font = `700 ${Math.round(16 + scale * 0.1)}px system-ui, "DejaVu Sans", sans-serif`;
      g.fillText(text, cx, cy - scale * 0.5 - f * 30 - i * 22);
      g.globalAlpha = 1;
    }
  }
}
