// Draws the map and everything on it.
import { Flag, type ArenaMap, type Obstacle } from "./arena";
import type { Camera } from "./camera";
import type { Effects } from "./effects";
import type { Actor, Stage } from "./scene";

const GROUND = "#0a0e16";
export const FLOOR = "#101724";
const GRID = "rgba(140,165,210,.055)";
const BORDER = "rgba(140,165,210,.34)";
const GRID_BOLD = "rgba(140,165,210,.085)";
const OBSTACLE_SHADOW = "rgba(3,5,9,.5)";
const OBSTACLE_SIDE = "#1a2336";
const OBSTACLE_TOP = "#2a3752";
export const OBSTACLE_EDGE = "#465879";
const FOLLOWED = "#63b3ff";
const HUES = 32;
/** Players out of sight that are pointed at. */
const POINTERS = 3;
/** However far away, a player is this large on the screen. */
const MIN_RADIUS = 4.8;

/** Pickups by what they give: health, speed, damage. */
export const PICKUP_COLORS = ["#5fe39a", "#ffe066", "#ff7a5c"];

/** The ring around a player that something helps; "" for most. */
function haloOf(flags: number): string {
  if (flags & Flag.warded) return "rgba(120,200,255,.85)";
  if (flags & Flag.strong) return "rgba(255,115,90,.85)";
  if (flags & (Flag.fast | Flag.dashing)) return "rgba(255,230,120,.7)";
  return flags & Flag.protected ? "rgba(255,255,255,.35)" : "";
}

export class Painter {
  private readonly g: CanvasRenderingContext2D;
  private ratio = 1;
  private bodies = new Map<number, HTMLCanvasElement>();
  private labels = new Map<string, HTMLCanvasElement>();
  private bodyRadius = 0;

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.g = canvas.getContext("2d", { alpha: false })!;
  }

  resize(camera: Camera): void {
    this.ratio = Math.min(2, devicePixelRatio || 1);
    const { innerWidth: width, innerHeight: height } = window;
    this.canvas.width = Math.round(width * this.ratio);
    this.canvas.height = Math.round(height * this.ratio);
    this.bodies.clear();
    this.labels.clear();
    camera.resize(width, height);
  }

  draw(scene: Stage | null, camera: Camera, effects: Effects | null, followed: number, aim: { x: number; y: number } | null): void {
    const { g } = this;
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.fillStyle = GROUND;
    g.fillRect(0, 0, camera.width, camera.height);
    if (!scene) return;
    this.drawGround(scene.map, camera);
    const radius = Math.max(MIN_RADIUS, scene.map.bodyRadius * camera.scale);
    if (Math.abs(radius - this.bodyRadius) > this.bodyRadius * 0.04) {
      this.bodyRadius = radius;
      this.bodies.clear();
    }
    const margin = radius * 3 + 40;
    const seen: Actor[] = [];
    for (const actor of scene.actors.values()) {
      const x = camera.screenX(actor.x);
      const y = camera.screenY(actor.y);
      if (x < -margin || y < -margin || x > camera.width + margin || y > camera.height + margin) continue;
      if (actor.kind === "player") seen.push(actor);
      else this.drawPickup(actor, x, y, radius, scene.renderTick, actor.key === followed);
    }
    const detailed = radius > 8.5 || seen.length < 40;
    const self = scene.self;
    for (const actor of seen) if (actor.dead) this.drawFallen(camera.screenX(actor.x), camera.screenY(actor.y), radius);
    for (const actor of seen) {
      if (!actor.dead && actor !== self) this.drawPlayer(actor, camera, radius, detailed, scene, actor.key === followed);
    }
    if (self && !self.dead) {
      if (aim) this.drawAim(self, aim, camera, radius);
      this.drawPointers(self, scene, camera);
      this.drawPlayer(self, camera, radius, true, scene, false);
    }
    effects?.draw(g, camera, detailed);
  }

  private drawGround(map: ArenaMap, camera: Camera): void {
    const { g } = this;
    const left = camera.screenX(0);
    const top = camera.screenY(0);
    const width = map.width * camera.scale;
    const height = map.height * camera.scale;
    g.fillStyle = FLOOR;
    g.fillRect(left, top, width, height);
    // Lines at a round step that is 60 … 120 px on the screen, and bolder ones.
    let step = 1;
    while (step * camera.scale < 60) step *= 2;
    this.drawGrid(map, camera, step, GRID);
    this.drawGrid(map, camera, step * 4, GRID_BOLD);
    for (const obstacle of map.obstacles) this.drawObstacle(obstacle, camera);
    g.strokeStyle = BORDER;
    g.lineWidth = 2;
    g.strokeRect(left, top, width, height);
  }

  private drawGrid(map: ArenaMap, camera: Camera, step: number, color: string): void {
    const { g } = this;
    const x1 = Math.max(0, camera.screenX(0));
    const x2 = Math.min(camera.width, camera.screenX(map.width));
    const y1 = Math.max(0, camera.screenY(0));
    const y2 = Math.min(camera.height, camera.screenY(map.height));
    g.strokeStyle = color;
    g.lineWidth = 1;
    g.beginPath();
    for (let x = Math.ceil(camera.toMap(x1, 0).x / step) * step; camera.screenX(x) < x2; x += step) {
      const at = Math.round(camera.screenX(x)) + 0.5;
      g.moveTo(at, y1);
      g.lineTo(at, y2);
    }
    for (let y = Math.ceil(camera.toMap(0, y1).y / step) * step; camera.screenY(y) < y2; y += step) {
      const at = Math.round(camera.screenY(y)) + 0.5;
      g.moveTo(x1, at);
      g.lineTo(x2, at);
    }
    g.stroke();
  }

  private drawObstacle(obstacle: Obstacle, camera: Camera): void {
    const { g } = this;
    const x = camera.screenX(obstacle.x);
    const y = camera.screenY(obstacle.y);
    const halfWidth = obstacle.halfWidth * camera.scale;
    const halfHeight = obstacle.halfHeight * camera.scale;
    if (x + halfWidth < 0 || y + halfHeight < 0 || x - halfWidth > camera.width || y - halfHeight > camera.height) return;
    // A block seen from above: its shadow, its side, its top.
    const rise = Math.min(9, camera.scale * 0.45);
    const layers: Array<[string, number]> = [
      [OBSTACLE_SHADOW, rise * 1.1],
      [OBSTACLE_SIDE, 0],
      [OBSTACLE_TOP, -rise],
    ];
    for (const [color, shift] of layers) {
      g.fillStyle = color;
      g.beginPath();
      if (obstacle.round) g.arc(x, y + shift, halfWidth, 0, 2 * Math.PI);
      else g.rect(x - halfWidth, y + shift - halfHeight, halfWidth * 2, halfHeight * 2);
      g.fill();
    }
    g.strokeStyle = OBSTACLE_EDGE;
    g.lineWidth = 1;
    g.stroke();
  }

  /** A disc with a nose, pointing right, drawn once a colour and size. */
  private body(hue: number, radius: number): HTMLCanvasElement {
    const step = Math.round((hue / 360) * HUES) % HUES;
    let sprite = this.bodies.get(step);
    if (sprite) return sprite;
    const color = (step * 360) / HUES;
    const size = Math.ceil(radius * 3.4 * this.ratio);
    sprite = document.createElement("canvas");
    sprite.width = sprite.height = size;
    const g = sprite.getContext("2d")!;
    g.setTransform(this.ratio, 0, 0, this.ratio, size / 2, size / 2);
    const shade = g.createRadialGradient(-radius * 0.3, -radius * 0.3, radius * 0.1, 0, 0, radius * 1.3);
    shade.addColorStop(0, `hsl(${color} 82% 72%)`);
    shade.addColorStop(1, `hsl(${color} 62% 44%)`);
    g.beginPath();
    g.arc(0, 0, radius, 0.62, 2 * Math.PI - 0.62);
    g.lineTo(radius * 1.55, 0);
    g.closePath();
    g.fillStyle = shade;
    g.fill();
    g.lineWidth = Math.max(1, radius * 0.12);
    g.strokeStyle = `hsl(${color} 50% 16%)`;
    g.stroke();
    this.bodies.set(step, sprite);
    return sprite;
  }

  private label(text: string, color: string): HTMLCanvasElement {
    const key = color + text;
    let label = this.labels.get(key);
    if (label) return label;
    if (this.labels.size > 2000) this.labels.clear();
    label = document.createElement("canvas");
    const g = label.getContext("2d")!;
    const font = '600 11px system-ui, "Segoe UI", "DejaVu Sans", sans-serif';
    g.font = font;
    const width = Math.ceil(g.measureText(text).width) + 6;
    label.width = Math.ceil(width * this.ratio);
    label.height = Math.ceil(16 * this.ratio);
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.font = font;
    g.textBaseline = "middle";
    g.lineWidth = 3;
    g.lineJoin = "round";
    g.strokeStyle = "rgba(6,9,15,.85)";
    g.strokeText(text, 3, 8);
    g.fillStyle = color;
    g.fillText(text, 3, 8);
    this.labels.set(key, label);
    return label;
  }

  private drawPlayer(actor: Actor, camera: Camera, radius: number, detailed: boolean, scene: Stage, followed: boolean): void {
    const { g } = this;
    const x = camera.screenX(actor.x);
    const y = camera.screenY(actor.y);
    const own = actor.key === scene.ownKey;
    if (own || followed) {
      g.strokeStyle = own ? "#ffb347" : FOLLOWED;
      g.lineWidth = 2;
      g.beginPath();
      g.arc(x, y, radius * 1.75 + Math.sin(scene.renderTick / 9) * 1.2, 0, 2 * Math.PI);
      g.stroke();
    }
    const halo = haloOf(actor.flags);
    if (halo) {
      g.strokeStyle = halo;
      g.lineWidth = 1.6;
      g.beginPath();
      g.arc(x, y, radius * 1.4, 0, 2 * Math.PI);
      g.stroke();
    }
    const sprite = this.body(own ? 36 : actor.hue, radius);
    const size = sprite.width / this.ratio;
    const cos = Math.cos(actor.track.angle) * this.ratio;
    const sin = Math.sin(actor.track.angle) * this.ratio;
    g.setTransform(cos, sin, -sin, cos, x * this.ratio, y * this.ratio);
    g.drawImage(sprite, -size / 2, -size / 2, size, size);
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    if (scene.renderTick < actor.flashUntil) {
      g.fillStyle = "rgba(255,255,255,.6)";
      g.beginPath();
      g.arc(x, y, radius, 0, 2 * Math.PI);
      g.fill();
    }
    const barWidth = Math.max(12, radius * 2.2);
    const barTop = y - radius * 1.5 - 5;
    if (detailed || actor.health < 0.999) {
      const thick = radius > 8 ? 4 : 2;
      g.fillStyle = "rgba(0,0,0,.65)";
      g.fillRect(x - barWidth / 2 - 1, barTop - 1, barWidth + 2, thick + 2);
      g.fillStyle = actor.health > 0.6 ? "#5fd38d" : actor.health > 0.3 ? "#ffc04d" : "#ff6161";
      g.fillRect(x - barWidth / 2, barTop, barWidth * actor.health, thick);
    }
    if (detailed && actor.name) {
      const label = this.label(actor.name, own ? "#ffd08a" : "#cfd9ec");
      const width = label.width / this.ratio;
      const height = label.height / this.ratio;
      g.drawImage(label, Math.round(x - width / 2), Math.round(barTop - height - 1), width, height);
    }
  }

  private drawFallen(x: number, y: number, radius: number): void {
    const { g } = this;
    const arm = radius * 0.6;
    g.strokeStyle = "rgba(160,175,205,.35)";
    g.lineWidth = Math.max(1.5, radius * 0.25);
    g.beginPath();
    g.moveTo(x - arm, y - arm);
    g.lineTo(x + arm, y + arm);
    g.moveTo(x + arm, y - arm);
    g.lineTo(x - arm, y + arm);
    g.stroke();
  }

  private drawPickup(actor: Actor, x: number, y: number, radius: number, tick: number, followed: boolean): void {
    const { g } = this;
    if (followed) {
      g.strokeStyle = FOLLOWED;
      g.lineWidth = 2;
      g.beginPath();
      g.arc(x, y, radius * 1.75, 0, 2 * Math.PI);
      g.stroke();
    }
    if (radius <= MIN_RADIUS) {
      // From far away a pickup is a speck, so that players stand out.
      g.globalAlpha = 0.55;
      g.fillStyle = PICKUP_COLORS[actor.variety % PICKUP_COLORS.length];
      g.fillRect(x - 1, y - 1, 2.2, 2.2);
      g.globalAlpha = 1;
      return;
    }
    const size = Math.max(3, radius * 0.62) * (1 + 0.1 * Math.sin(tick / 14 + actor.key));
    g.fillStyle = PICKUP_COLORS[actor.variety % PICKUP_COLORS.length];
    g.globalAlpha = 0.18;
    g.beginPath();
    g.arc(x, y, size * 2, 0, 2 * Math.PI);
    g.fill();
    g.globalAlpha = 1;
    g.beginPath();
    g.moveTo(x, y - size);
    g.lineTo(x + size, y);
    g.lineTo(x, y + size);
    g.lineTo(x - size, y);
    g.closePath();
    g.fill();
  }

  /** Where to go to meet somebody: the nearest of those who are out of sight. */
  private drawPointers(self: Actor, scene: Stage, camera: Camera): void {
    const { g } = this;
    const halfWidth = camera.width / 2 / camera.scale;
    const halfHeight = camera.height / 2 / camera.scale;
    const away = [...scene.actors.values()]
      .filter((actor) => actor.kind === "player" && actor !== self && !actor.dead)
      .filter((actor) => Math.abs(actor.x - camera.x) > halfWidth || Math.abs(actor.y - camera.y) > halfHeight)
      .map((actor) => ({ actor, distance: Math.hypot(actor.x - self.x, actor.y - self.y) }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, POINTERS);
    const ring = Math.min(camera.width, camera.height) * 0.39;
    for (const { actor, distance } of away) {
      const [dx, dy] = [(actor.x - self.x) / distance, (actor.y - self.y) / distance];
      const x = camera.screenX(self.x) + dx * ring;
      const y = camera.screenY(self.y) + dy * ring;
      g.globalAlpha = 0.75;
      g.fillStyle = `hsl(${actor.hue} 75% 62%)`;
      g.beginPath();
      g.moveTo(x + dx * 10, y + dy * 10);
      g.lineTo(x - dx * 4 - dy * 6, y - dy * 4 + dx * 6);
      g.lineTo(x - dx * 4 + dy * 6, y - dy * 4 - dx * 6);
      g.closePath();
      g.fill();
      const label = this.label(`${actor.name} · ${Math.round(distance / 5) * 5}`, "#aab8d2");
      const [width, height] = [label.width / this.ratio, label.height / this.ratio];
      const [left, top] = [x - dx * (width / 2 + 12) - width / 2, y - dy * 16 - height / 2];
      g.drawImage(label, Math.round(left), Math.round(top), width, height);
      g.globalAlpha = 1;
    }
  }

  private drawAim(self: Actor, aim: { x: number; y: number }, camera: Camera, radius: number): void {
    const { g } = this;
    const x = camera.screenX(self.x);
    const y = camera.screenY(self.y);
    const dx = aim.x - x;
    const dy = aim.y - y;
    const distance = Math.hypot(dx, dy);
    if (distance < radius * 2) return;
    g.strokeStyle = "rgba(255,179,71,.28)";
    g.lineWidth = 1.5;
    g.setLineDash([4, 7]);
    g.beginPath();
    g.moveTo(x + (dx / distance) * radius * 2, y + (dy / distance) * radius * 2);
    g.lineTo(aim.x, aim.y);
    g.stroke();
    g.setLineDash([]);
  }
}
