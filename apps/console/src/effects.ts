// Short-lived marks for what happened: hits, shots, skills, deaths, pickups.
// They begin when the drawn time reaches their tick, not when they arrive.
import type { GameEvent } from "@drumline/client";
import type { Camera } from "./camera";
import type { ArenaMap, EffectKind } from "./arena";
import type { Stage } from "./scene";

interface Effect {
  kind: EffectKind;
  startTick: number;
  ticks: number;
  x: number;
  y: number;
  toX: number;
  toY: number;
  hue: number;
  text: string;
  radius: number;
  /** It concerns the own player. */
  own: boolean;
  color: string;
  /** The own player did it: shown in his time, which is nearer to now. */
  ownDeed: boolean;
  /** The event that it was drawn ahead of; "" once the server has told that one, and of all others. */
  foreseen: string;
}

const MAX_EFFECTS = 600;
const LIFETIME_TICKS: Record<EffectKind, number> = {
  hit: 42,
  swing: 11,
  shot: 16,
  death: 46,
  spawn: 34,
  skill: 30,
  pickup: 28,
  heal: 42,
};

export class Effects {
  private list: Effect[] = [];

  constructor(private readonly scene: Stage, private readonly map: ArenaMap) {}

  /** The own player does this now, and the server's word of it is not awaited. */
  foresee(name: string, toX = 0, toY = 0): void {
    const { self, ownRenderTick } = this.scene;
    if (!self) return;
    const tick = Math.ceil(ownRenderTick);
    const heading = Math.round((Math.atan2(toY, toX) / (2 * Math.PI)) * 65536);
    const reach = name === "shot" ? this.map.shotRange : name === "blast" ? this.map.blastRadius : 0;
    const { x, y, entityId: source } = self;
    const event = { tick, kind: 0, name, source, target: 0n, x, y, a: name === "blast" ? reach * 32 : heading, b: reach * 32 };
    this.show(name === "ward" ? { ...event, a: 0 } : event, name);
  }

  add(event: GameEvent): void {
    const known = this.list.find(
      ({ foreseen }) => foreseen === event.name && this.scene.byEntity(event.source)?.key === this.scene.ownKey,
    );
    if (known) this.confirm(known, event);
    else this.show(event, "");
  }

  private confirm(effect: Effect, event: GameEvent): void {
    const { text = "", toX, toY, ticks } = this.map.describeEvent(event)!;
    effect.foreseen = "";
    effect.text = text;
    if (toX === undefined || toY === undefined) return;
    [effect.toX, effect.toY] = [toX, toY];
    effect.ticks = ticks ?? effect.ticks;
  }

  private show(event: GameEvent, foreseen: string): void {
    const described = this.map.describeEvent(event);
    if (!described || this.list.length >= MAX_EFFECTS) return;
    const { scene } = this;
    const source = scene.byEntity(event.source);
    const target = scene.byEntity(event.target);
    const { kind, text = "", radius = 0, toX, toY, ticks } = described;
    const own = scene.ownKey >= 0 && (source?.key === scene.ownKey || target?.key === scene.ownKey);
    const effect: Effect = {
      kind,
      startTick: event.tick,
      ticks: ticks ?? LIFETIME_TICKS[kind],
      x: event.x,
      y: event.y,
      toX: toX ?? event.x,
      toY: toY ?? event.y,
      hue: source?.hue ?? 40,
      text,
      radius,
      own,
      ownDeed: source !== undefined && source.key === scene.ownKey,
      foreseen,
      color: own && target?.key === scene.ownKey ? "#ff5d5d" : "#ffd9a0",
    };
    if (kind === "swing" && source) {
      effect.toX = source.track.angle;
      [effect.x, effect.y] = [source.x, source.y];
    }
    this.list.push(effect);
    if (kind === "hit" && target) target.flashUntil = event.tick + 9;
  }

  clear(): void {
    this.list = [];
  }

  draw(g: CanvasRenderingContext2D, camera: Camera, showText: boolean): void {
    const { self, renderTick, ownRenderTick } = this.scene;
    const unit = this.map.bodyRadius * camera.scale;
    let kept = 0;
    for (const effect of this.list) {
      const f = ((effect.ownDeed ? ownRenderTick : renderTick) - effect.startTick) / effect.ticks;
      if (f >= 1) continue;
      this.list[kept++] = effect;
      if (f < 0) continue;
      if (self && effect.ownDeed && (effect.kind === "skill" || effect.kind === "heal")) {
        [effect.x, effect.y] = [self.x, self.y];
      }
      const x = camera.screenX(effect.x);
      const y = camera.screenY(effect.y);
      const margin = 200 + this.map.shotRange * camera.scale;
      if (x < -margin || y < -margin || x > camera.width + margin || y > camera.height + margin) continue;
      g.globalAlpha = 1 - f * f;
      drawEffect(g, camera, effect, x, y, f, Math.max(3.5, unit), showText);
    }
    this.list.length = kept;
    g.globalAlpha = 1;
  }
}

function ring(g: CanvasRenderingContext2D, x: number, y: number, radius: number, color: string, width: number): void {
  g.strokeStyle = color;
  g.lineWidth = width;
  g.beginPath();
  g.arc(x, y, Math.max(0.1, radius), 0, 2 * Math.PI);
  g.stroke();
}

function floating(g: CanvasRenderingContext2D, effect: Effect, x: number, y: number, f: number, unit: number, color: string): void {
  g.font = `700 ${effect.own ? 15 : 12}px system-ui, "DejaVu Sans", sans-serif`;
  g.textAlign = "center";
  g.fillStyle = "rgba(0,0,0,.7)";
  const top = y - unit * 1.3 - f * 26;
  g.fillText(effect.text, x + 1, top + 1);
  g.fillStyle = color;
  g.fillText(effect.text, x, top);
}

function drawEffect(
  g: CanvasRenderingContext2D,
  camera: Camera,
  effect: Effect,
  x: number,
  y: number,
  f: number,
  unit: number,
  showText: boolean,
): void {
  switch (effect.kind) {
    case "hit": {
      const { color } = effect;
      if (f < 0.3) {
        g.fillStyle = color;
        for (let i = 0; i < 5; i++) {
          const angle = i * 1.257 + effect.startTick;
          const distance = unit * (0.5 + f * 5);
          g.fillRect(x + Math.cos(angle) * distance - 1, y + Math.sin(angle) * distance - 1, 2.4, 2.4);
        }
      }
      if (effect.text && (showText || effect.own)) floating(g, effect, x, y, f, unit, color);
      break;
    }
    case "heal":
      if (effect.text && (showText || effect.own)) floating(g, effect, x, y, f, unit, "#7be6a4");
      else ring(g, x, y, unit * (1 + f), "#7be6a4", 1.5);
      break;
    case "swing": {
      g.strokeStyle = effect.own ? "#fff4dc" : `hsl(${effect.hue} 85% 78%)`;
      g.lineWidth = Math.max(1.5, unit * 0.22);
      const reach = Math.max(unit * 1.5, (effect.radius || 0) * camera.scale * 0.85);
      const middle = effect.toX - 0.9 + f * 1.8;
      g.beginPath();
      g.arc(x, y, reach, middle - 0.55, middle + 0.25);
      g.stroke();
      break;
    }
    case "shot": {
      const dx = camera.screenX(effect.toX) - x;
      const dy = camera.screenY(effect.toY) - y;
      const length = Math.max(8, unit * 2.2) / Math.max(1, Math.hypot(dx, dy));
      const tail = Math.max(0, f - length);
      g.globalAlpha = 1;
      g.strokeStyle = effect.own ? "#fff0c0" : `hsl(${effect.hue} 90% 74%)`;
      g.lineWidth = Math.max(1.4, unit * 0.24);
      g.beginPath();
      g.moveTo(x + dx * tail, y + dy * tail);
      g.lineTo(x + dx * f, y + dy * f);
      g.stroke();
      break;
    }
    case "death": {
      ring(g, x, y, unit * (0.6 + f * 3.4), `hsl(${effect.hue} 80% 66%)`, Math.max(1, unit * 0.3 * (1 - f)));
      g.fillStyle = "#ff8a70";
      for (let i = 0; i < 9; i++) {
        const angle = i * 0.698 + effect.startTick * 0.3;
        const distance = unit * (0.4 + f * (2 + (i % 3)));
        g.fillRect(x + Math.cos(angle) * distance - 1.2, y + Math.sin(angle) * distance - 1.2, 2.6, 2.6);
      }
      break;
    }
    case "spawn":
      ring(g, x, y, unit * (3.2 - f * 2.2), "#9fd0ff", 1.6);
      break;
    case "skill": {
      const radius = Math.max(unit * 2, effect.radius * camera.scale);
      const color = effect.own ? "#ffce7a" : `hsl(${effect.hue} 88% 68%)`;
      ring(g, x, y, radius * Math.sqrt(f), color, 2.2);
      if (effect.radius > 0) {
        g.globalAlpha *= 0.16;
        g.fillStyle = color;
        g.beginPath();
        g.arc(x, y, radius * Math.sqrt(f), 0, 2 * Math.PI);
        g.fill();
      }
      break;
    }
    case "pickup":
      ring(g, x, y, unit * (0.5 + f * 1.6), "#8df0c0", 1.8);
      break;
  }
}
