// Keyboard and mouse: of a player, commands; of a spectator, the camera.
import type { Room } from "@drumline/client";
import { Flag, SKILL_DASH, SKILL_EVENTS } from "./arena";
import type { Camera } from "./camera";
import { actorAt, type Actor, type Scene } from "./scene";

const MOVE_KEYS: Record<string, [number, number]> = {
  KeyW: [0, -1],
  ArrowUp: [0, -1],
  KeyS: [0, 1],
  ArrowDown: [0, 1],
  KeyA: [-1, 0],
  ArrowLeft: [-1, 0],
  KeyD: [1, 0],
  ArrowRight: [1, 0],
};
const SKILL_KEYS: Record<string, number> = { Space: 0, KeyQ: 1, KeyE: 2, Digit1: 0, Digit2: 1, Digit3: 2 };

/** A movement that goes on is said again so often: it survives a respawn. */
const REPEAT_MOVE_MS = 300;
/** A click in the time between two attacks counts as soon as the next one may be. */
const CLICK_COUNTS_MS = 250;
const TURN_INTERVAL_MS = 50;
const TURN_STEP = 0.03;
export const MAX_BODY_PIXELS = 46;

export class Controls {
  /** Where the mouse is, in CSS pixels; null while it is elsewhere. */
  mouse: { x: number; y: number } | null = null;
  /** The camera stays with the own player, or with the one whose state frames come. */
  following = true;
  /** Actor that a spectator follows; −1 none. */
  followed = -1;
  /** The own player does what the event of that name tells; x, y: where to. */
  onDeed: (event: string, x: number, y: number) => void = () => {};
  /** A spectator clicked on a player, or on none. */
  onChoose: (actor: Actor | null) => void = () => {};
  /** A spectator wants the whole map; to see what the followed player is sent; the heat map, or not. */
  onKeyOf: Record<"whole" | "see" | "heat", () => void> = { whole: () => {}, see: () => {}, heat: () => {} };
  /** performance.now() at which a skill is ready again. */
  readonly readyAt = [0, 0, 0];

  private readonly held = new Set<string>();
  private attacking = false;
  private clickedMs = -Infinity;
  /** Pressed since the last play(), however shortly. */
  private readonly tapped = new Set<string>();
  private inputMs = NaN;
  private drag: { x: number; y: number; moved: number } | null = null;
  private sentDirection = "0,0";
  private sentMoveMs = 0;
  private sentTurnMs = 0;
  private sentAngle = NaN;
  private nextAttackMs = 0;
  private readonly pendingSkills = new Set<number>();

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly camera: Camera,
    private readonly playing: () => boolean,
    private readonly scene: () => Scene | null,
  ) {
    window.addEventListener("keydown", (event) => this.onKey(event));
    window.addEventListener("keyup", (event) => this.held.delete(event.code));
    window.addEventListener("blur", () => this.release());
    canvas.addEventListener("pointerdown", (event) => this.onDown(event));
    canvas.addEventListener("pointermove", (event) => this.onMove(event));
    canvas.addEventListener("pointerleave", () => (this.mouse = this.drag ? this.mouse : null));
    window.addEventListener("pointerup", (event) => this.onUp(event));
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        const maxScale = MAX_BODY_PIXELS / (this.scene()?.map.bodyRadius ?? 0.5);
        const following = (this.playing() && this.following) || this.followed >= 0;
        const [x, y] = following ? [camera.width / 2, camera.height / 2] : [event.offsetX, event.offsetY];
        camera.zoom(Math.exp(-event.deltaY * 0.0014), x, y, maxScale);
      },
      { passive: false },
    );
  }

  /** A new seat: nothing is pressed, nothing was said. */
  reset(): void {
    this.release();
    this.sentDirection = "0,0";
    this.sentAngle = NaN;
    this.readyAt.fill(0);
    this.followed = -1;
    this.following = true;
  }

  private release(): void {
    this.held.clear();
    this.tapped.clear();
    this.attacking = false;
    this.clickedMs = -Infinity;
    this.drag = null;
  }

  /** When the oldest input came that play() has seen since the last call; NaN: none. */
  takeInputMs(): number {
    const { inputMs } = this;
    this.inputMs = NaN;
    return inputMs;
  }

  private noteInput(event: Event): void {
    if (Number.isNaN(this.inputMs)) this.inputMs = event.timeStamp;
  }

  private onKey(event: KeyboardEvent): void {
    const typing = event.target instanceof HTMLInputElement;
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.code in MOVE_KEYS || event.code in SKILL_KEYS) event.preventDefault();
    if (event.repeat) return;
    this.held.add(event.code);
    if (this.playing()) {
      this.tapped.add(event.code);
      if (event.code in MOVE_KEYS) this.noteInput(event);
      if (event.code in SKILL_KEYS) this.pendingSkills.add(SKILL_KEYS[event.code]);
      if (event.code === "KeyF") this.following = !this.following;
    } else if (event.code === "Escape" || event.code === "Digit0" || event.code === "Home") {
      this.followed = -1;
      this.camera.fit();
      this.onKeyOf.whole();
    } else if (event.code === "KeyV") {
      this.onKeyOf.see();
    }
    if (event.code === "KeyH") this.onKeyOf.heat();
  }

  private onDown(event: PointerEvent): void {
    this.canvas.focus();
    (document.activeElement as HTMLElement | null)?.blur?.();
    this.mouse = { x: event.offsetX, y: event.offsetY };
    if (this.playing() && event.button === 0) [this.attacking, this.clickedMs] = [true, performance.now()];
    else this.drag = { x: event.clientX, y: event.clientY, moved: 0 };
  }

  private onMove(event: PointerEvent): void {
    this.mouse = { x: event.offsetX, y: event.offsetY };
    if (!this.drag) return;
    const dx = event.clientX - this.drag.x;
    const dy = event.clientY - this.drag.y;
    this.drag = { x: event.clientX, y: event.clientY, moved: this.drag.moved + Math.abs(dx) + Math.abs(dy) };
    if (this.drag.moved < 5) return;
    this.followed = -1;
    this.following = false;
    this.camera.pan(dx, dy);
  }

  private onUp(event: PointerEvent): void {
    if (event.button === 0) this.attacking = false;
    const clicked = this.drag && this.drag.moved < 5 && event.target === this.canvas;
    this.drag = null;
    if (clicked && !this.playing()) {
      const scene = this.scene();
      this.onChoose(scene && actorAt(scene, this.camera, event.offsetX, event.offsetY, (one) => one.kind === "player"));
    }
  }

  /** Says what the player wants, as often as it makes sense. */
  play(room: Room, scene: Scene, nowMs: number): void {
    const self = scene.self;
    if (!self || self.dead || room.connection !== "connected") {
      this.pendingSkills.clear();
      this.sentDirection = "";
      scene.facing = NaN;
      this.tapped.clear();
      return;
    }
    const [dx, dy] = this.direction();
    this.playMove(room, dx, dy, nowMs);
    const at = this.mouse && this.camera.toMap(this.mouse.x, this.mouse.y);
    const aim = at ? Math.atan2(at.y - self.y, at.x - self.x) : dx || dy ? Math.atan2(dy, dx) : self.track.angle;
    scene.facing = aim;
    if ((nowMs - this.sentTurnMs >= TURN_INTERVAL_MS || Number.isNaN(this.sentAngle)) && !(Math.abs(aim - this.sentAngle) < TURN_STEP)) {
      if (room.send("turn", { x: Math.cos(aim), y: Math.sin(aim) })) [this.sentTurnMs, this.sentAngle] = [nowMs, aim];
    }
    for (const skill of this.pendingSkills) this.useSkill(room, scene, skill, dx, dy, aim, nowMs);
    this.pendingSkills.clear();
    this.tapped.clear();
    const attacks = this.attacking || nowMs - this.clickedMs < CLICK_COUNTS_MS;
    if (attacks && nowMs >= this.nextAttackMs) this.attack(room, scene, self, aim, nowMs);
  }

  private direction(): [number, number] {
    let x = 0;
    let y = 0;
    for (const code of new Set([...this.held, ...this.tapped])) {
      const move = MOVE_KEYS[code];
      if (move) [x, y] = [x + move[0], y + move[1]];
    }
    const length = Math.hypot(x, y);
    // A hair under one, so that rounding never asks for more than full speed.
    return length > 0 ? [(x / length) * 0.999, (y / length) * 0.999] : [0, 0];
  }

  private playMove(room: Room, x: number, y: number, nowMs: number): void {
    const direction = `${x.toFixed(3)},${y.toFixed(3)}`;
    const moving = x !== 0 || y !== 0;
    if (direction === this.sentDirection && !(moving && nowMs - this.sentMoveMs > REPEAT_MOVE_MS)) return;
    if (!room.send("move", { x, y })) return;
    [this.sentDirection, this.sentMoveMs] = [direction, nowMs];
    // Running turns the body; it is turned back to the mouse.
    this.sentAngle = NaN;
  }

  private useSkill(room: Room, scene: Scene, skill: number, dx: number, dy: number, aim: number, nowMs: number): void {
    if (nowMs < this.readyAt[skill]) return;
    // A dash goes where one runs, and where one looks when standing.
    const running = skill === SKILL_DASH && (dx !== 0 || dy !== 0);
    const [x, y] = running ? [dx, dy] : [Math.cos(aim), Math.sin(aim)];
    if (!room.send("skill", { skill, x, y })) return;
    this.readyAt[skill] = nowMs + scene.map.skills[skill].cooldownMs;
    this.onDeed(SKILL_EVENTS[skill], x, y);
  }

  /** With the blade when somebody is near, else a shot to where the mouse is. */
  private attack(room: Room, scene: Scene, self: Actor, aim: number, nowMs: number): void {
    let near: Actor | null = null;
    let nearest = scene.map.meleeRange * 0.92;
    for (const actor of scene.actors.values()) {
      if (actor === self || actor.kind !== "player" || actor.dead || actor.flags & Flag.protected) continue;
      const distance = Math.hypot(actor.x - self.x, actor.y - self.y);
      if (distance < nearest) [near, nearest] = [actor, distance];
    }
    const sent = near
      ? room.send("attack", { target: near.entityId })
      : room.send("attack", { x: Math.cos(aim), y: Math.sin(aim) });
    this.clickedMs = -Infinity;
    if (!sent) return;
    this.nextAttackMs = nowMs + (near ? scene.map.meleeCooldownMs : scene.map.shotCooldownMs) + 20;
    this.onDeed(near ? "melee" : "shot", Math.cos(aim), Math.sin(aim));
  }
}
