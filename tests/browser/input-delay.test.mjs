// What a person does shows in the next frame, however long the way to the server is.
import assert from "node:assert/strict";
import { test } from "node:test";
import { measureInputDelay } from "./input-delay.mjs";

const PRESSES = 12;

for (const transport of ["webtransport", "websocket"]) {
  test(`over ${transport} and 60 to 80 ms each way a key shows in the frame after it`, async () => {
    const measured = await measureInputDelay(process.env.DRUMLINE_BIN, {
      wayMs: 60, jitterMs: 20, presses: PRESSES, bots: 5, settleMs: 2000, transport,
    });
    console.log(JSON.stringify(measured));
    const { presses, input, shown } = measured;
    assert.equal(measured.transport, transport);
    // A wall may be in the way, or somebody's blow.
    assert.ok(presses.length >= PRESSES / 2, `${presses.length} of ${PRESSES} moved him`);
    // Two, as the page's own callback of a frame may come after the measuring one.
    const atOnce = presses.filter(({ frames }) => frames <= 2).length;
    assert.ok(atOnce >= presses.length * 0.7, `${atOnce} of ${presses.length} within two frames`);
    assert.ok(input.countedMs > 100, `the way is long: ${input.countedMs} ms until it counts`);
    assert.ok(input.predicted && shown.inputDelayTicks >= 6);
  });
}
