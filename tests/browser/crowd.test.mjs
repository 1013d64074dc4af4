// Ten thousand players in the page, against a pretended server: the map, its density, and what
// one of them is sent.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { PretendedCrowd } from "./mock/arena.mjs";
import { MockServer } from "./mock/server.mjs";
import { look, openBrowser, outFolder, until } from "./support.mjs";

const PLAYERS = 10_000;
let browser;
let server;
let page;

before(async () => {
  await import("../../sdk/typescript/build.mjs");
  await import("../../apps/console/build.mjs");
  server = await new MockServer({ arena: new PretendedCrowd(PLAYERS) }).listen();
  // With WebGL in software every pixel counts.
  browser = await openBrowser({ width: 1000, height: 640 });
  page = browser.page;
  await page.goto(server.url);
});

after(async () => {
  await browser?.close();
  await server?.kill();
});

const told = (name) => page.evaluate((name) => window.drumline[name], name);

/** In one drawn frame: how many players' places are lit in the crowd's layer, of how many, and how
 * many of its pixels are lit at all. */
const lit = () =>
  page.evaluate(
    () =>
      new Promise((resolve) =>
        // The page's own callback of this frame is older and has drawn.
        requestAnimationFrame(() => {
          const gl = document.getElementById("map-crowd").getContext("webgl2");
          const { drawingBufferWidth: width, drawingBufferHeight: height } = gl;
          const pixels = new Uint8Array(width * height * 4);
          gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
          const alpha = (x, y) => pixels[((height - 1 - Math.floor(y)) * width + Math.floor(x)) * 4 + 3];
          const ratio = width / innerWidth;
          const places = Object.values(window.drumline.positions()).map(([x, y]) => window.drumline.onScreen(x, y));
          const seen = places.filter(([x, y]) => alpha(x * ratio, y * ratio) > 0).length;
          let area = 0;
          for (let i = 3; i < pixels.length; i += 4) if (pixels[i] > 0) area++;
          resolve({ players: places.length, seen, drawn: window.drumline.drawn, share: area / (width * height) });
        }),
      ),
  );

/** Main thread's CPU time and the page's own count of it, for each drawn frame. */
async function printFrameTimes(what) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const tasks = async () =>
    (await session.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration").value;
  const frames = () => told("framesDrawn");
  const [startS, first] = [await tasks(), await frames()];
  await page.waitForTimeout(2000);
  const [endS, last] = [await tasks(), await frames()];
  await session.detach();
  const cpuMs = ((endS - startS) * 1000) / (last - first);
  console.log(
    `${what}: ${cpuMs.toFixed(1)} ms CPU of the page's thread a drawn frame, frames that came meanwhile included; ` +
      `the drawing's part ${(await told("frameMs")).toFixed(1)} ms; ${(await told("fps")).toFixed(0)} fps with WebGL in software`,
  );
}

test("ten thousand players are on the map, and every one of them is drawn", async () => {
  await until("everybody", async () => (await look(page)).entities > PLAYERS, 120_000);
  await until("the heat map", async () => (await told("heatPeak")) > 0, 120_000);
  await page.screenshot({ path: join(outFolder, "crowd-heat.png") });
  await printFrameTimes("10,000 players with their density");
  const withHeat = await lit();
  await page.keyboard.press("h");
  await until("the map without", async () => (await told("heatPeak")) === null, 120_000);
  await page.screenshot({ path: join(outFolder, "crowd.png") });
  await printFrameTimes("10,000 players");
  // Cells come in turns: who just went from one to another would be in none for a moment.
  server.arena.standing = true;
  const { players, seen, drawn, share } = await until("all of them in one frame", async () => {
    const frame = await lit();
    return frame.players === PLAYERS && frame;
  }, 120_000);
  server.arena.standing = false;
  assert.equal(seen, players);
  assert.ok(drawn >= PLAYERS);
  // The map is about half of the window: dots leave most of it free, heat does not.
  assert.ok(share < 0.25 && withHeat.share > share * 1.5, `lit: ${share}, with heat ${withHeat.share}`);
});

test("the legend tells how crowded the most crowded place is", async () => {
  await page.check("#heat-switch");
  await until("the heat map", async () => (await told("heatPeak")) > 0, 120_000);
  // A place of the pretended arena: half of all players are about seven of them.
  const peak = await told("heatPeak");
  const average = (PLAYERS * 100 * 100) / server.arena.size ** 2;
  assert.ok(peak > 3 * average && peak < PLAYERS, `${peak} where the average is ${average}`);
  await until("the legend", async () => {
    const label = Number(await page.textContent("#heat-legend span:last-child"));
    return Math.abs(label - (await told("heatPeak"))) < 0.2 * peak;
  }, 120_000);
});

test("following a player shows what he is sent and nothing else, by tier", async () => {
  const row = page.locator("#score-list li").nth(3);
  const slot = Number(await row.getAttribute("data-player"));
  await row.click();
  await until("the offer", () => page.isVisible("#follow-button"), 120_000);
  await page.click("#follow-button");
  await until("his frames", async () => (await told("followed")) === slot && (await told("followFigures")) !== null, 120_000);
  assert.equal(server.hellos.at(-1).follow, slot);
  await until("every tier", async () => (await told("followFigures")).tiers.every((count) => count > 20), 120_000);
  // In cells' sides from the middle of his: what is known, and how old it is.
  const ages = await page.evaluate(() => window.drumline.ages());
  const { arena, side } = server;
  const cell = arena.size / side;
  const distance = (other) => {
    const from = arena.players[slot];
    return Math.hypot(other.x - from.x, other.y - from.y) / cell;
  };
  const known = Object.keys(ages).map((player) => arena.players[player]);
  assert.ok(known.length > 200 && known.length < PLAYERS / 2, `${known.length} known`);
  assert.ok(Math.max(...known.map(distance)) < 8, "nobody from beyond his interest");
  const near = arena.players.filter((other) => distance(other) < 3);
  const missing = near.filter((other) => !(other.slot in ages)).length;
  assert.ok(missing < near.length * 0.02, `${missing} of his ${near.length} neighbours are missing`);
  const figures = await told("followFigures");
  console.log(`what player ${slot} is sent: ${JSON.stringify(figures)}`);
  assert.equal(figures.tiers.reduce((sum, count) => sum + count), figures.known);
  assert.ok(figures.entities > figures.tiers[0] && figures.entities < figures.known, "in each frame those that are due");
  assert.ok(figures.bytes > 0 && figures.largest >= figures.bytes);
  await page.screenshot({ path: join(outFolder, "crowd-following.png") });
  await page.click("#follow-button");
  await until("the whole map", async () => (await told("followed")) === -1 && (await look(page)).entities > PLAYERS, 120_000);
  assert.equal(server.hellos.at(-1).follow, 0xffffffff);
});

test("the gauge says which rung of the overload ladder the server stands on", async () => {
  const says = (words) => until(words, async () => (await page.textContent("#load")).includes(words), 120_000);
  await says("normal load");
  server.overload = { rung: 1, pace_percent: 100, reason: "ticks start 5 ms late" };
  await says("far cells less often");
  assert.equal(await page.getAttribute("#load", "title"), "ticks start 5 ms late");
  server.overload = { rung: 3, pace_percent: 100, reason: "ticks start 6 ms late" };
  await says("no new players");
  server.overload = { rung: 4, pace_percent: 125, reason: "ticks start 9 ms late" };
  await says("time dilated ×1.25");
  assert.equal(await page.locator("#load i.lit").count(), 4);
  await page.screenshot({ path: join(outFolder, "crowd-overload.png") });
  server.overload = undefined;
  await says("normal load");
});

test("nothing went wrong in the page", async () => {
  assert.equal((await look(page)).decoder.malformed, 0);
  assert.deepEqual(browser.errors, []);
});
