// A spectator's view: whom the camera follows, and whose state frames are shown.
import type { Battle } from "./battle";
import type { Camera } from "./camera";
import type { Controls } from "./controls";
import type { FollowFigures } from "./follow-meter";
import { FollowPanel } from "./follow-panel";
import type { Actor } from "./scene";

/** After so many ticks a followed player's furthest cells have been told of. */
const FRAMING_TICKS = 48;

export class Spectating {
  /** Of the player whose frames are shown; null before the first second. */
  figures: FollowFigures | null = null;
  /** All that he is sent is in sight, or the person looks elsewhere. */
  private framed = true;
  private readonly panel = new FollowPanel();

  /** `watched` is a spectator's battle, null for everybody else; `enter` takes a spectator's seat. */
  constructor(
    private readonly camera: Camera,
    private readonly controls: Controls,
    private readonly watched: () => Battle | null,
    private readonly enter: (follow?: { battle: bigint; player: number }) => void,
  ) {
    this.panel.button.addEventListener("click", () => this.flip());
    controls.onChoose = (actor) => this.choose(actor);
    controls.onKeyOf.whole = () => this.see(-1);
    controls.onKeyOf.see = () => this.flip();
  }

  /** A seat was taken. */
  begin(followed: number): void {
    this.figures = null;
    this.framed = followed < 0;
  }

  /** The map as the server sends it to this player from here on; −1: the whole map. */
  see(player: number): void {
    const battle = this.watched();
    if (!battle || player === battle.followed) return;
    this.enter(player < 0 ? undefined : { battle: battle.room.welcome.battle, player });
  }

  /** Goes with a player, by his seat. */
  follow(player: number): void {
    const battle = this.watched();
    const actor = battle?.scene.byPlayer(player);
    if (battle && battle.followed >= 0) return this.see(player);
    if (!battle || !actor) return;
    this.controls.followed = actor.key;
    const { bodyRadius } = battle.scene.map;
    if (bodyRadius * this.camera.scale < 8) this.camera.glideTo(11 / bodyRadius);
  }

  /** Moves the camera, and says in the panel who is followed. In each drawn frame. */
  animate(seconds: number): void {
    const battle = this.watched();
    if (battle) this.moveCamera(battle, seconds);
    this.showPanel(battle);
  }

  /** Once a second. */
  poll(nowMs: number): void {
    const battle = this.watched();
    if (!battle || battle.followed < 0) return;
    this.figures = battle.meter.take(battle.scene, battle.room.welcome.tickMs, nowMs) ?? this.figures;
    if (this.figures) this.panel.showFigures(this.figures);
  }

  private flip(): void {
    const battle = this.watched();
    if (battle) this.see(battle.followed >= 0 ? -1 : (battle.scene.actors.get(this.controls.followed)?.player ?? -1));
  }

  private choose(actor: Actor | null): void {
    if ((this.watched()?.followed ?? -1) < 0) this.controls.followed = actor?.key ?? -1;
    else if (actor && actor.player >= 0) this.see(actor.player);
  }

  private moveCamera({ scene, room, followed }: Battle, seconds: number): void {
    const { camera, controls } = this;
    if (followed >= 0 && controls.following) controls.followed = scene.byPlayer(followed)?.key ?? -1;
    const actor = scene.actors.get(controls.followed);
    if (!actor) {
      controls.followed = -1;
      return;
    }
    camera.follow(actor.x, actor.y, seconds, 8);
    if (this.framed || scene.tick - room.welcome.tick < FRAMING_TICKS) return;
    this.framed = true;
    let reach = scene.map.shotRange;
    for (const { x, y } of scene.actors.values()) reach = Math.max(reach, Math.abs(x - actor.x), Math.abs(y - actor.y));
    camera.glideTo((Math.min(camera.width, camera.height) * 0.46) / reach);
  }

  private showPanel(battle: Battle | null): void {
    const sees = battle !== null && battle.followed >= 0;
    const slot = sees ? battle.followed : (battle?.scene.actors.get(this.controls.followed)?.player ?? -1);
    if (!battle || slot < 0) return this.panel.show(null, false);
    const { roster } = battle.room;
    const gone = roster.size > 0 && !roster.has(slot);
    this.panel.show({ slot, name: battle.scene.names.get(slot) ?? "", gone }, sees);
  }
}
