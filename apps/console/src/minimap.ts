import type { ArenaMap } from "./arena";
import type { Camera } from "./camera";
import { packColor, packHsl } from "./gl";
import { FLOOR, OBSTACLE_EDGE } from "./ground";
import { PICKUP_COLORS } from "./painter";
import type { Stage } from "./scene";

const SIZE = 218;
const INTERVAL_MS = 120;
const PLAYERS = Array.from({ length: 24 }, (_, i) => packHsl(i * 15, 0.75, 0.66));
const PICKUPS = PICKUP_COLORS.map((color) => packColor(color));

/** The whole battle in a corner, redrawn a few times a second. */
export class Minimap {
  private readonly g: CanvasRenderingContext2D;
  /** What never moves, as pixels; the others are set in a copy. */
  private base = new Uint32Array(0);
  private image: ImageData | null = null;
  private baseFor: ArenaMap | null = null;
  private drawnMs = 0;
  private readonly ratio = Math.min(2, devicePixelRatio || 1);

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.g = canvas.getContext("2d", { willReadFrequently: true })!;
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
    const self = scene.self;
    this.drawActors(scene, scale);
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

  private drawActors(scene: Stage, scale: number): void {
    const image = this.image!;
    const { width, height } = image;
    const pixels = new Uint32Array(image.data.buffer);
    pixels.set(this.base);
    const speck = Math.round(this.ratio);
    for (const { kind, dead, hue, variety, x, y } of scene.actors.values()) {
      if (dead) continue;
      const isPlayer = kind === "player";
      const color = isPlayer ? PLAYERS[Math.round(hue / 15) % PLAYERS.length] : PICKUPS[variety % PICKUPS.length];
      const size = isPlayer ? 2 * speck : speck;
      const left = Math.max(0, Math.min(width - size, Math.round(x * scale - size / 2)));
      const top = Math.max(0, Math.min(height - size, Math.round(y * scale - size / 2)));
      for (let row = top; row < top + size; row++) {
        pixels.fill(color, row * width + left, row * width + left + size);
      }
    }
    this.g.putImageData(image, 0, 0);
  }

  private makeBase(map: ArenaMap, scale: number): void {
    this.canvas.width = Math.round(map.width * scale);
    this.canvas.height = Math.round(map.height * scale);
    this.canvas.style.width = `${this.canvas.width / this.ratio}px`;
    this.canvas.style.height = `${this.canvas.height / this.ratio}px`;
    const { g } = this;
    const { width, height } = this.canvas;
    g.fillStyle = FLOOR;
    g.fillRect(0, 0, width, height);
    g.fillStyle = OBSTACLE_EDGE;
    for (const { x, y, halfWidth, halfHeight, round } of map.obstacles) {
      g.beginPath();
      if (round) g.arc(x * scale, y * scale, halfWidth * scale, 0, 2 * Math.PI);
      else g.rect((x - halfWidth) * scale, (y - halfHeight) * scale, halfWidth * 2 * scale, halfHeight * 2 * scale);
      g.fill();
    }
    this.image = g.getImageData(0, 0, width, height);
    this.base = new Uint32Array(this.image.data.buffer.slice(0));
    this.baseFor = map;
  }
}
