// A real battle with bots, recorded by `drumline record`, in the replay page in Chromium.
// DRUMLINE_BIN is the drumline binary.
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { crc32c } from "../../sdk/typescript/dist/crc32c.js";
import { Child, openBrowser, outFolder, startServer, temporaryFolder, until } from "./support.mjs";

const BOTS = 16;
const binary = process.env.DRUMLINE_BIN;
let folder;
let browser;
let page;
let server;
let recording;

const replay = () => page.evaluate(() => window.drumline.replay);
const places = () => page.evaluate(() => window.drumline.places());
const fieldOf = (name) => page.locator(`#fields tr:has(td:first-child:text-is("${name}")) td:nth-child(2)`).textContent();

async function told(what, condition, timeoutMs) {
  try {
    return await until(what, condition, timeoutMs);
  } catch (error) {
    await page.screenshot({ path: join(outFolder, "replay-failed.png") }).catch(() => {});
    error.message += `\nthe page: ${JSON.stringify(await replay().catch(String))}`;
    throw error;
  }
}

async function goTo(tick) {
  await page.fill("#tick", String(tick));
  await page.press("#tick", "Enter");
  await told(`tick ${tick}`, async () => (await replay()).tick === tick, 10_000);
  // What the page says of it is written with the next frame.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

before(async () => {
  assert.ok(binary && existsSync(binary), `DRUMLINE_BIN names no binary: ${binary}`);
  folder = temporaryFolder();
  const data = join(folder.path, "data");
  // As many seats as bots make a map on which they meet.
  const started = await startServer(binary, data, 0, 0, ["--set", `battle.max_players=${BOTS}`]);
  server = started.child;
  const bots = new Child(binary, [
    "bots", "--connect", `quic://127.0.0.1:${started.ready.port}`, "--count", String(BOTS),
    "--pki", join(data, "pki"), "--seconds", "12",
  ]);
  await until("the bots' end", () => !bots.running, 60_000);
  recording = join(folder.path, "battle-1.drec");
  const recorder = new Child(binary, ["record", data, "--battle", "1", "--out", recording]);
  assert.equal(await recorder.exited, 0, recorder.output);
  browser = await openBrowser();
  page = browser.page;
  await page.goto(`http://127.0.0.1:${started.ready.admin_port}/replay.html`);
});

after(async () => {
  await browser?.close();
  await server?.end();
  folder?.remove();
});

test("a recording is opened, and every state hash is compared", async () => {
  await page.screenshot({ path: join(outFolder, "replay-empty.png") });
  await page.setInputFiles("#file", recording);
  const { lastTick } = await told("the recording", replay, 20_000);
  assert.ok(lastTick > 400, `${lastTick} ticks`);
  const { mismatches, damage, joins, deaths } = await told("the survey", async () => {
    const now = await replay();
    return now.surveyed && now;
  }, 60_000);
  assert.deepEqual([mismatches, damage, joins], [0, 0, BOTS]);
  console.log(`${lastTick} ticks, ${deaths} deaths; screenshots in ${outFolder}`);
  await told("the status", async () => /every state hash is the recorded one/.test(await page.textContent("#status")), 5_000);
  assert.match(await page.textContent("#subtitle"), /battle-1\.drec · battle 1 · arena/);
});

test("any tick is reached, forward and back, and has one state", async () => {
  await goTo(400);
  const { hash, players } = await replay();
  assert.equal(players, BOTS);
  assert.equal(await page.textContent("#hash"), hash);
  await goTo(100);
  assert.notEqual((await replay()).hash, hash);
  await goTo(399);
  await page.click("#step");
  await told("one tick further", async () => (await replay()).tick === 400, 5_000);
  assert.equal((await replay()).hash, hash);
  await page.click("#step-back");
  await told("one tick back", async () => (await replay()).tick === 399, 5_000);
});

test("a press on the timeline goes there", async () => {
  const { lastTick } = await replay();
  const { width } = await page.locator("#timeline").boundingBox();
  await page.click("#timeline", { position: { x: width / 2, y: 24 } });
  await told("the middle", async () => Math.abs((await replay()).tick - lastTick / 2) < lastTick / 20, 10_000);
});

test("a click on a player shows his fields by name", async () => {
  await goTo(450);
  // One that stands where no panel covers the map.
  const found = await page.evaluate(() =>
    Object.entries(window.drumline.places()).find(([, [x, y]]) => document.elementFromPoint(x, y)?.id === "map"),
  );
  assert.ok(found, "nobody to click on");
  const [, [x, y]] = found;
  await page.mouse.click(x, y);
  await told("a name", async () => (await page.textContent("#entity-name")) in (await places()), 5_000);
  assert.match(await page.textContent("#entity-id"), /slot \d+ · generation \d+\nid 0x[0-9a-f]{16}/);
  for (const name of ["x", "y", "heading", "health", "score", "attack_ready"]) assert.match(await fieldOf(name), /^-?\d+(\.\d{4})?$/, name);
  await page.screenshot({ path: join(outFolder, "replay-selected.png") });
});

test("it plays, at the speed that is chosen, and pauses", async () => {
  await goTo(200);
  await page.selectOption("#speed", "4");
  await page.click("#play");
  await told("some way", async () => (await replay()).tick > 320, 20_000);
  await page.screenshot({ path: join(outFolder, "replay-playing.png") });
  await page.click("#play");
  const { tick, playing } = await replay();
  assert.equal(playing, false);
  await page.waitForTimeout(300);
  assert.equal((await replay()).tick, tick);
  await page.selectOption("#speed", "16");
  await page.click("#play");
  await told("the end", async () => {
    const now = await replay();
    return now.tick === now.lastTick && !now.playing;
  }, 30_000);
});

test("another simulation's recording is refused with both ids, and a damaged one with the place", async () => {
  const bytes = readFileSync(recording);
  const own = bytes.toString("latin1", 48, 64);
  bytes.write("0123456789abcdef", 48);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, 84)), 84);
  const other = join(folder.path, "other.drec");
  writeFileSync(other, bytes);
  await page.setInputFiles("#file", other);
  await told("both ids", async () => {
    const text = await page.textContent("#error");
    return text.includes("0123456789abcdef") && text.includes(own);
  }, 10_000);
  writeFileSync(other, bytes.subarray(0, 100));
  await page.setInputFiles("#file", other);
  await told("the place", async () => /other\.drec: offset 88: .*cut off/.test(await page.textContent("#error")), 10_000);
  await page.screenshot({ path: join(outFolder, "replay-refused.png") });
  await page.click("#dismiss");
  assert.equal(await page.isVisible("#drop"), false, "the one before is still open");
});

test("a tick with another hash is shown with both", async () => {
  const bytes = readFileSync(recording);
  // The 50th tick block's payload begins with its hash.
  let at = 88;
  for (let ticks = 0; ticks < 50; ) {
    if (bytes.readUInt32LE(at + 8) === 2 && ++ticks === 50) break;
    at += 24 + bytes.readUInt32LE(at + 4);
  }
  const tick = Number(bytes.readBigUInt64LE(at + 16));
  const end = at + 24 + bytes.readUInt32LE(at + 4);
  bytes[at + 24] ^= 1;
  bytes.writeUInt32LE(crc32c(bytes.subarray(at + 4, end)), at);
  const tampered = join(folder.path, "tampered.drec");
  writeFileSync(tampered, bytes);
  await page.setInputFiles("#file", tampered);
  await told("the mismatch", async () => (await page.textContent("#status")).includes(`state hash differs at tick ${tick}`), 20_000);
  await goTo(tick);
  assert.match(await page.textContent("#hash"), /^[0-9a-f]{16} ≠ recorded [0-9a-f]{16}$/);
  assert.match(await page.textContent("#warning"), new RegExp(`tick ${tick}: the state hash is`));
  await page.screenshot({ path: join(outFolder, "replay-differs.png") });
});

test("a file that is dropped on the page is opened, and refused when it is no recording", async () => {
  const files = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["no recording at all ".repeat(10)], "dropped.drec"));
    return transfer;
  });
  await page.dispatchEvent("body", "drop", { dataTransfer: files });
  await told("the refusal", async () => /dropped\.drec: offset 0: .*DRUMREC1/.test(await page.textContent("#error")), 10_000);
});

test("nothing went wrong in the page", () => {
  assert.deepEqual(browser.errors, []);
});
