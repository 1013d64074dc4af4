// The keyboard of a duel: what is held is said when it changes, what is done at once.
import type { Room } from "@drumline/client";
import { SKILL_DASH, SKILL_HEAVY, SKILL_SPECIAL, SKILL_THROW } from "./duel-stage";

const LEFT = ["KeyA", "ArrowLeft"];
const RIGHT = ["KeyD", "ArrowRight"];
const JUMP = ["KeyW", "ArrowUp"];
const GUARD = ["KeyS", "ArrowDown"];
const SKILLS: Record<string, number> = { KeyK: SKILL_HEAVY, KeyL: SKILL_THROW, Space: SKILL_DASH, KeyI: SKILL_SPECIAL };
const ATTACK = "KeyJ";
const KEYS = new Set([...LEFT, ...RIGHT, ...JUMP, ...GUARD, ...Object.keys(SKILLS), ATTACK]);

export class DuelControls {
  private readonly held = new Set<string>();
  private sent = "";

  /** The room that is played in; null while none is. */
  constructor(private readonly room: () => Room | null) {
    window.addEventListener("keydown", (event) => this.onKey(event));
    window.addEventListener("keyup", (event) => {
      this.held.delete(event.code);
      this.sayHeld();
    });
    window.addEventListener("blur", () => {
      this.held.clear();
      this.sayHeld();
    });
  }

  /** Another session: what is held is said again. */
  reset(): void {
    this.sent = "";
    this.sayHeld();
  }

  private onKey(event: KeyboardEvent): void {
    if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!KEYS.has(event.code)) return;
    event.preventDefault();
    if (event.repeat) return;
    this.held.add(event.code);
    const { code } = event;
    const room = this.room();
    if (!room) return;
    // A jump is a move with the stick up; it is said once, and then what is held without it.
    if (JUMP.includes(code)) room.send("move", { x: this.direction, y: 1 });
    else if (code === ATTACK) room.send("attack");
    else if (code in SKILLS) room.send("skill", { skill: SKILLS[code], x: this.direction });
    this.sayHeld(JUMP.includes(code));
  }

  private get direction(): number {
    const any = (codes: string[]): number => (codes.some((code) => this.held.has(code)) ? 1 : 0);
    return any(RIGHT) - any(LEFT);
  }

  private sayHeld(justJumped = false): void {
    const guard = GUARD.some((code) => this.held.has(code));
    const wanted = `${this.direction},${guard}`;
    if (justJumped) this.sent = `${this.direction},false`;
    if (wanted === this.sent) return;
    if (this.room()?.send("move", { x: this.direction, y: guard ? -1 : 0 })) this.sent = wanted;
  }
}
