import type { ArenaMap } from "./arena";
import type { Camera } from "./camera";
import { FLOOR, OBSTACLE_EDGE } from "./ground";
import { PICKUP_COLORS } from "./painter";
import type { Stage } from "./scene";

const SIZE = 218;
const INTERVAL_MS = 120;
/** The colour circle in steps: a new style for each actor costs more than drawing him. */
const HUES = Array.from({ length: 24 }, (_, i) => `hsl(${i * 15} 75% 66%)`);

/** The whole battle in a corner, redrawn a few times a second. */
export class Minimap {
  private readonly g: CanvasRenderingContext2D;
  private base: HTMLCanvasElement | null = null;
  private baseFor: ArenaMap | null = null;
  private drawnMs = 0;
  private readonly ratio = Math.min(2, devicePixelRatio || 1);

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.g = canvas.getContext("2d")!;
  }

  /** Map position of a point in the element. */
  toMap(scene: Stage, offsetX: number, offsetY: number): { x: number; y: number } {
    const scale = this.scaleFor(scene.map) / this.ratio;
    return { x: offsetX / scale, y: offsetY / scale };
  }

  private scaleFor(map: ArenaMap): number {
    return (SIZE * this.ratio) / Math.max(map.width, map.height);
  }

  draw(scene: Stage, camera: Camera, nowMs: number): void {
    if (nowMs - this.drawnMs < INTERVAL_MS) return;
    this.drawnMs = nowMs;
    const { map } = scene;
    const { g, ratio } = this;
    const scale = this.scaleFor(map);
    if (this.baseFor !== map) this.makeBase(map, scale);
    g.drawImage(this.base!, 0, 0);
    const dot = 2 * ratio;
    const self = scene.self;
    for (const actor of scene.actors.values()) {
      if (actor.dead) continue;
      if (actor.kind === "pickup") {
        g.fillStyle = PICKUP_COLORS[actor.variety % PICKUP_COLORS.length];
        g.fillRect(actor.x * scale, actor.y * scale, ratio, ratio);
        continue;
      }
      g.fillStyle = HUES[Math.round(actor.hue / 15) % HUES.length];
      g.fillRect(actor.x * scale - dot / 2, actor.y * scale - dot / 2, dot, dot);
    }
    if (self) {
      g.fillStyle = "#ffb347";
      g.beginPath();
      g.arc(self.x * scale, self.y * scale, 3.5 * ratio, 0, 2 * Math.PI);
      g.fill();
    }
    const topLeft = camera.toMap(0, 0);
    g.strokeStyle = "rgba(255,255,255,.65)";
    g.lineWidth = ratio;
    g.strokeRect(topLeft.x * scale, topLeft.y * scale, (camera.width / camera.scale) * scale, (camera.height / camera.scale) * scale);
  }

  private makeBase(map: ArenaMap, scale: number): void {
    this.canvas.width = Math.round(map.width * scale);
    this.canvas.height = Math.round(map.height * scale);
    this.canvas.style.width = `${this.canvas.width / this.ratio}px`;
    this.canvas.style.height = `${this.canvas.height / this.ratio}px`;
    const base = document.createElement("canvas");
    base.width = this.canvas.width;
    base.height = this.canvas.height;
    const g = base.getContext("2d")!;
    g.fillStyle = FLOOR;
    g.fillRect(0, 0, base.width, base.height);
    g.fillStyle = OBSTACLE_EDGE;
    for (const { x, y, halfWidth, halfHeight, round } of map.obstacles) {
      g.beginPath();
      if (round) g.arc(x * scale, y * scale, halfWidth * scale, 0, 2 * Math.PI);
      else g.rect((x - halfWidth) * scale, (y - halfHeight) * scale, halfWidth * 2 * scale, halfHeight * 2 * scale);
      g.fill();
    }
    this.base = base;
    this.baseFor = map;
  }
}
