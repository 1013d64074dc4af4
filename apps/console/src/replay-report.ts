// What the replay page says in words: where it stands, and whether the states are the
// recorded ones.
import type { Recording, Replay } from "@drumline/client";
import type { Survey } from "./survey";

export const TICKS_PER_SECOND = 62.5;
/** Places of damage that are named; the rest is counted. */
const NAMED_PLACES = 3;

export const hex = (hash: bigint): string => hash.toString(16).padStart(16, "0");

/** Called each frame: leaves alone what has not changed. */
function setText(id: string, text: string): void {
  const element = document.getElementById(id)!;
  if (element.textContent !== text) element.textContent = text;
}

export function report(recording: Recording, replay: Replay, survey: Survey): void {
  const { firstTick, lastTick } = recording;
  const { tick } = replay;
  const seconds = (at: number): string => ((at - firstTick) / TICKS_PER_SECOND).toFixed(2);
  setText("position", `of ${firstTick} … ${lastTick} · ${seconds(tick)} s of ${seconds(lastTick)} s`);
  const wrong = replay.mismatches.get(tick) ?? survey.mismatches.get(tick);
  setText("hash", wrong ? `${hex(wrong.hash)} ≠ recorded ${hex(wrong.recordedHash)}` : hex(replay.simulation.hash));
  document.getElementById("hash")!.classList.toggle("differs", wrong !== undefined);
  const [state, text] = statusOf(recording, survey);
  document.getElementById("status")!.dataset.state = state;
  setText("status-text", text);
  const warning = warningOf(recording, replay, survey);
  setText("warning", warning);
  document.getElementById("warning")!.hidden = warning === "";
}

/** Its colour, by the console's names of connection states, and the words. */
function statusOf(recording: Recording, survey: Survey): [string, string] {
  const { firstTick, lastTick, damage } = recording;
  const [first] = survey.mismatches.values();
  if (first) return ["unreachable", `state hash differs at tick ${first.tick}`];
  if (damage.length > 0) return ["unreachable", `damaged in ${damage.length} place${damage.length > 1 ? "s" : ""}`];
  if (survey.done) return ["connected", "every state hash is the recorded one"];
  const share = (survey.tick - firstTick) / Math.max(1, lastTick - firstTick);
  return ["connecting", `comparing state hashes: ${Math.floor(share * 100)} %`];
}

function warningOf({ damage }: Recording, replay: Replay, survey: Survey): string {
  const [first] = survey.mismatches.values();
  const sentences = damage.slice(0, NAMED_PLACES).map(({ offset, what }) => `offset ${offset}: ${what}`);
  if (damage.length > NAMED_PLACES) sentences.push(`and ${damage.length - NAMED_PLACES} more`);
  if (replay.obstacle) sentences.unshift(replay.obstacle);
  if (first) {
    sentences.unshift(
      `tick ${first.tick}: the state hash is ${hex(first.hash)} here and ${hex(first.recordedHash)} in the recording`,
    );
  }
  return sentences.join("; ");
}
