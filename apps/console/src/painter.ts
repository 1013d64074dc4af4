// Draws the map and everything on it, in three layers: the ground, everybody (WebGL), and over
// them what is told of the few that one looks at.
import { Flag } from "./arena";
import type { Camera } from "./camera";
import { Bodies, makeCrowd, Shape, type Crowd } from "./crowd";
import { Density } from "./density";
import type { Effects } from "./effects";
import { fade, packColor, packHsl } from "./gl";
import { Ground } from "./ground";
import type { Actor, Stage } from "./scene";

const FOLLOWED = "#63b3ff";
const HUES = 32;
const OWN_HUE = 36;
/** Players out of sight that are pointed at. */
const POINTERS = 3;
/** However far away, a player is this large on the screen… */
const MIN_RADIUS = 4.8;
/** …unless so many are there that they would cover more than this share of the ground. */
const CROWD_SHARE = 0.2;
const MIN_CROWD_RADIUS = 1.3;
/** Smaller than this a body is a dot. */
const DOT_RADIUS = 3.2;
/** In a larger crowd names and health could not be read. */
const MAX_DETAILED = 300;
/** Pickups are smaller than this from far away, so that players stand out. */
const SPECK_PIXELS = 1.1;
/** Over a heat map bodies are but dots. */
const HEAT_FADE = 0.5;

/** Pickups by what they give: health, speed, damage. */
export const PICKUP_COLORS = ["#5fe39a", "#ffe066", "#ff7a5c"];
const PICKUPS = PICKUP_COLORS.map((color) => packColor(color));
const BODIES = Array.from({ length: HUES }, (_, i) => packHsl((i * 360) / HUES, 0.72, 0.6));
const OWN_BODY = packHsl(OWN_HUE, 0.82, 0.6);
const FALLEN = packColor("#a0afcd", 0.4);
const WHITE = packColor("#ffffff");
const WARDED = packColor("#78c8ff", 0.85);
const STRONG = packColor("#ff735a", 0.85);
const FAST = packColor("#ffe678", 0.7);
const PROTECTED = packColor("#ffffff", 0.35);

/** The ring around a player that something helps; 0 for most. */
function haloOf(flags: number): number {
  if (flags & Flag.warded) return WARDED;
  if (flags & Flag.strong) return STRONG;
  if (flags & (Flag.fast | Flag.dashing)) return FAST;
  return flags & Flag.protected ? PROTECTED : 0;
}

/** How the crowd is shown. */
export interface Look {
  heat: boolean;
  /** Another colour for each actor than his own; as gl.ts packs it. */
  tint: ((actor: Actor) => number) | null;
}

const PLAIN: Look = { heat: false, tint: null };

export class Painter {
  readonly density = new Density();
  /** Bodies in the last frame's drawing. */
  drawn = 0;
  private readonly g: CanvasRenderingContext2D;
  private readonly ground: Ground;
  private readonly crowd: Crowd;
  private readonly bodies = new Bodies();
  private ratio = 1;
  private labels = new Map<string, HTMLCanvasElement>();
  /** Players in the stage, as of the last frame. */
  private players = 0;

  /** Lays what is under `canvas` before it. */
  constructor(private readonly canvas: HTMLCanvasElement) {
    this.g = canvas.getContext("2d")!;
    const [ground, crowd] = ["ground", "crowd"].map((name) => {
      const layer = document.createElement("canvas");
      layer.className = "layer";
      layer.id = `map-${name}`;
      canvas.before(layer);
      return layer;
    });
    this.ground = new Ground(ground);
    this.crowd = makeCrowd(crowd);
  }

  get hasHeat(): boolean {
    return this.crowd.hasHeat;
  }

  resize(camera: Camera): void {
    this.ratio = Math.min(2, devicePixelRatio || 1);
    const { innerWidth: width, innerHeight: height } = window;
    camera.resize(width, height);
    this.canvas.width = Math.round(width * this.ratio);
    this.canvas.height = Math.round(height * this.ratio);
    this.labels.clear();
    this.ground.resize(camera, this.ratio);
    this.crowd.resize(camera, this.ratio);
  }

  draw(
    scene: Stage | null,
    camera: Camera,
    effects: Effects | null,
    followed: number,
    aim: { x: number; y: number } | null,
    look = PLAIN,
  ): void {
    const { g } = this;
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.clearRect(0, 0, camera.width, camera.height);
    this.ground.draw(scene?.map ?? null, camera);
    this.bodies.clear();
    if (!scene) return this.crowd.draw(this.bodies, camera, true, null);
    const heat = look.heat && this.hasHeat;
    if (heat) this.density.take(scene, performance.now());
    const radius = this.radiusIn(scene, camera, heat);
    const seen = this.addBodies(scene, camera, radius, heat, look.tint);
    this.crowd.draw(this.bodies, camera, radius < DOT_RADIUS, heat ? this.density : null);
    this.drawn = this.bodies.count;
    this.drawDetails(seen, scene, camera, effects, followed, aim, radius);
  }

  private radiusIn({ map }: Stage, camera: Camera, heat: boolean): number {
    const area = map.width * map.height * camera.scale ** 2;
    const share = CROWD_SHARE * (heat ? HEAT_FADE : 1);
    const roomy = Math.sqrt((share * area) / (Math.PI * Math.max(1, this.players)));
    return Math.max(map.bodyRadius * camera.scale, Math.min(MIN_RADIUS, Math.max(MIN_CROWD_RADIUS, roomy)));
  }

  /** Puts everybody in sight into the next drawing; the living players of them. */
  private addBodies(scene: Stage, camera: Camera, radius: number, heat: boolean, tint: Look["tint"]): Actor[] {
    const { bodies } = this;
    const { map, self } = scene;
    const far = radius > map.bodyRadius * camera.scale;
    const margin = (radius * 3 + 40) / camera.scale;
    const [reachX, reachY] = [camera.width / 2 / camera.scale + margin, camera.height / 2 / camera.scale + margin];
    const seen: Actor[] = [];
    const fallen: Actor[] = [];
    this.players = 0;
    for (const actor of scene.actors.values()) {
      if (actor.kind === "player") this.players++;
      if (Math.abs(actor.x - camera.x) > reachX || Math.abs(actor.y - camera.y) > reachY) continue;
      if (actor.kind === "pickup") this.addPickup(actor, radius, far, scene.renderTick, tint);
      else (actor.dead ? fallen : seen).push(actor);
    }
    for (const { x, y } of fallen) bodies.add(x, y, 0, radius, Shape.fallen, FALLEN);
    const alpha = heat && far ? HEAT_FADE : 1;
    for (const actor of seen) {
      if (actor === self) continue;
      const hue = BODIES[Math.round((actor.hue / 360) * HUES) % HUES];
      const color = scene.renderTick < actor.flashUntil ? WHITE : tint ? tint(actor) : hue;
      bodies.add(actor.x, actor.y, actor.track.angle, radius, Shape.player, fade(color, alpha), far ? 0 : haloOf(actor.flags));
    }
    if (self && !self.dead) {
      const color = scene.renderTick < self.flashUntil ? WHITE : OWN_BODY;
      bodies.add(self.x, self.y, self.track.angle, radius, Shape.player, color, haloOf(self.flags));
    }
    return seen;
  }

  private addPickup(actor: Actor, radius: number, far: boolean, tick: number, tint: Look["tint"]): void {
    const color = tint ? tint(actor) : PICKUPS[actor.variety % PICKUPS.length];
    if (far) {
      this.bodies.add(actor.x, actor.y, 0, Math.min(SPECK_PIXELS, radius * 0.6), Shape.speck, fade(color, 0.55));
      return;
    }
    const size = Math.max(3, radius * 0.62) * (1 + 0.1 * Math.sin(tick / 14 + actor.key));
    this.bodies.add(actor.x, actor.y, 0, size, Shape.pickup, color);
  }

  private drawDetails(
    seen: readonly Actor[],
    scene: Stage,
    camera: Camera,
    effects: Effects | null,
    followedKey: number,
    aim: { x: number; y: number } | null,
    radius: number,
  ): void {
    const { self } = scene;
    const detailed = seen.length < MAX_DETAILED && (radius > 8.5 || seen.length < 40);
    const followed = followedKey >= 0 ? scene.actors.get(followedKey) : undefined;
    if (seen.length < MAX_DETAILED) {
      for (const actor of seen) {
        if (actor !== self && actor !== followed) this.drawLabel(actor, camera, radius, detailed, false);
      }
    }
    if (followed) this.drawFollowed(followed, scene, camera, radius);
    if (self && !self.dead) {
      if (aim) this.drawAim(self, aim, camera, radius);
      this.drawPointers(self, scene, camera);
      this.drawRing(self, scene, camera, radius, "#ffb347");
      this.drawLabel(self, camera, radius, true, true);
    }
    effects?.draw(this.g, camera, detailed);
  }

  private drawFollowed(actor: Actor, scene: Stage, camera: Camera, radius: number): void {
    this.drawRing(actor, scene, camera, radius, FOLLOWED);
    if (actor.kind === "player" && !actor.dead) this.drawLabel(actor, camera, radius, true, false);
  }

  private drawRing(actor: Actor, scene: Stage, camera: Camera, radius: number, color: string): void {
    const { g } = this;
    g.strokeStyle = color;
    g.lineWidth = 2;
    g.beginPath();
    const beat = Math.sin(scene.renderTick / 9) * 1.2;
    g.arc(camera.screenX(actor.x), camera.screenY(actor.y), Math.max(radius * 1.75, 7) + beat, 0, 2 * Math.PI);
    g.stroke();
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

  /** Health, and when it is `detailed` the name. */
  private drawLabel(actor: Actor, camera: Camera, radius: number, detailed: boolean, own: boolean): void {
    if (actor.dead || (!detailed && actor.health >= 0.999)) return;
    const { g } = this;
    const x = camera.screenX(actor.x);
    const barWidth = Math.max(12, radius * 2.2);
    const barTop = camera.screenY(actor.y) - radius * 1.5 - 5;
    const thick = radius > 8 ? 4 : 2;
    g.fillStyle = "rgba(0,0,0,.65)";
    g.fillRect(x - barWidth / 2 - 1, barTop - 1, barWidth + 2, thick + 2);
    g.fillStyle = actor.health > 0.6 ? "#5fd38d" : actor.health > 0.3 ? "#ffc04d" : "#ff6161";
    g.fillRect(x - barWidth / 2, barTop, barWidth * actor.health, thick);
    if (!detailed || !actor.name) return;
    const label = this.label(actor.name, own ? "#ffd08a" : "#cfd9ec");
    const width = label.width / this.ratio;
    const height = label.height / this.ratio;
    g.drawImage(label, Math.round(x - width / 2), Math.round(barTop - height - 1), width, height);
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
