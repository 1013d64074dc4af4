// What a room tells: who wants to hear what, and the telling.
import { Signal } from "./emitter";
import type { BattleOverMessage, ServerMessageFields } from "./messages";
import type { GameEvent, StateDecoder } from "./state-decoder";

export class RoomEvents {
  protected readonly stateChange = new Signal<[StateDecoder]>();
  protected readonly leaving = new Signal<[number, string]>();
  protected readonly dropping = new Signal<[string]>();
  protected readonly returning = new Signal<[boolean]>();
  protected readonly ending = new Signal<[BattleOverMessage]>();
  private readonly messages = new Map<string, Signal<[any, string]>>();

  /** After every state frame. */
  onStateChange(handler: (state: StateDecoder) => void): () => void {
    return this.stateChange.add(handler);
  }

  /**
   * `type`: "welcome", "roster", "scoreboard", "refused", "pong" or "goodbye";
   * "event" for everything that happens in the game, "event:hit" for one kind;
   * "*" for all.
   */
  onMessage(type: string, handler: (message: any, type: string) => void): () => void {
    let signal = this.messages.get(type);
    if (!signal) this.messages.set(type, (signal = new Signal()));
    return signal.add(handler);
  }

  /** The room is over: code, reason. */
  onLeave(handler: (code: number, reason: string) => void): () => void {
    return this.leaving.add(handler);
  }
  /** The connection is lost; the room tries to come back. */
  onDrop(handler: (reason: string) => void): () => void {
    return this.dropping.add(handler);
  }
  /** It is back; `resumed`: in the same seat. */
  onReconnect(handler: (resumed: boolean) => void): () => void {
    return this.returning.add(handler);
  }

  /** The battle is over and the connection stays. A handler may join() another one;
   * if none does, the room goes on to any that has room by itself, if it may reconnect, or
   * ends (ReconnectOptions.nextBattle). */
  onBattleOver(handler: (over: BattleOverMessage) => void): () => void {
    return this.ending.add(handler);
  }

  protected tell(type: string, message: ServerMessageFields | GameEvent, alias?: string): void {
    this.messages.get(type)?.emit(message, type);
    if (alias) this.messages.get(alias)?.emit(message, alias);
    this.messages.get("*")?.emit(message, alias ?? type);
  }
}
