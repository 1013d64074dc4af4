// One seat in the battle, as the page lives it: a room, what it shows, and what
// happens to it.
import { CloseCode, NO_PLAYER, type Client, type GameEvent, type Room, type ScoreboardMessage, type Seat } from "@drumline/client";
import { ArenaMap } from "./arena";
import { Effects } from "./effects";
import { FollowMeter } from "./follow-meter";
import { keyOf, Scene } from "./scene";

export interface BattleHandlers {
  onScoreboard(board: ScoreboardMessage): void;
  onOwnEvent(event: GameEvent, battle: Battle): void;
  onDrop(reason: string): void;
  onReturn(resumed: boolean): void;
  onEnd(code: CloseCode, reason: string): void;
}

export interface BattleWishes {
  seat: Seat;
  name: string;
  /** A spectator's: in that battle, to be sent what this player is sent. */
  follow?: { battle: bigint; player: number };
}

export class Battle {
  readonly meter = new FollowMeter();
  readonly scene: Scene;
  readonly effects: Effects;
  scoreboard: ScoreboardMessage | null = null;
  private framesSeen = 0;

  private constructor(readonly room: Room, readonly seat: Seat, handlers: BattleHandlers) {
    const { welcome } = room;
    const map = new ArenaMap(welcome.mapWidth, welcome.mapHeight, welcome.mapDescription);
    this.scene = new Scene(room, map);
    this.effects = new Effects(this.scene, map);
    this.scene.welcome(welcome, room.state);
    this.scene.setRoster(room.roster);
    this.scoreboard = room.scoreboard;
    room.onMessage("welcome", () => {
      this.scene.welcome(room.welcome, room.state);
      this.meter.reset();
    });
    room.onMessage("roster", () => this.scene.setRoster(room.roster));
    room.onMessage("scoreboard", (message) => {
      this.scoreboard = message;
      handlers.onScoreboard(message);
    });
    room.onStateChange((state) => {
      this.framesSeen++;
      if (this.followed >= 0) this.meter.observe(state);
      this.scene.update(state, performance.now());
    });
    room.onMessage("event", (event: GameEvent) => {
      // What happened before this page looked is not shown again.
      if (this.scene.tick - event.tick > 60) return;
      this.effects.add(event);
      const { ownKey } = this.scene;
      if (ownKey >= 0 && (keyOf(event.source) === ownKey || keyOf(event.target) === ownKey)) {
        handlers.onOwnEvent(event, this);
      }
    });
    room.onDrop((reason) => handlers.onDrop(reason));
    room.onReconnect((resumed) => {
      this.effects.clear();
      handlers.onReturn(resumed);
    });
    room.onLeave((code, reason) => handlers.onEnd(code, reason));
  }

  static async enter(client: Client, game: string, wishes: BattleWishes, handlers: BattleHandlers): Promise<Battle> {
    const { seat, name, follow } = wishes;
    const room = await client.joinOrCreate(game, { seat, name, battle: follow?.battle, follow: follow?.player });
    return new Battle(room, seat, handlers);
  }

  /** The player whose state frames come; −1: one's own, or a spectator's. */
  get followed(): number {
    const { followed } = this.room;
    return followed === NO_PLAYER ? -1 : followed;
  }

  /** State frames since the last call. */
  takeFrames(): number {
    const frames = this.framesSeen;
    this.framesSeen = 0;
    return frames;
  }
}
