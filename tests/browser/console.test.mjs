// End to end: a real server with bots over QUIC, and its console in Chromium.
// DRUMLINE_BIN is the drumline binary.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Child, countMoving, look, openBrowser, outFolder, startServer, temporaryFolder, until, walk } from "./support.mjs";

const BOTS = 20;
const binary = process.env.DRUMLINE_BIN;
const children = [];
let folder;
let browser;
let page;
let server;
let bots;
let address;

before(async () => {
  assert.ok(binary && existsSync(binary), `DRUMLINE_BIN names no binary: ${binary}`);
  folder = temporaryFolder();
  const { child, ready } = await startServer(binary, folder.path, 0, 0);
  children.push(child);
  [server, address] = [child, ready];
  bots = new Child(binary, [
    "bots", "--connect", `quic://127.0.0.1:${ready.port}`, "--count", String(BOTS),
    "--pki", join(folder.path, "pki"), "--seconds", "120",
  ]);
  children.push(bots);
  browser = await openBrowser();
  page = browser.page;
  await page.goto(`http://127.0.0.1:${ready.admin_port}/`);
});

after(async () => {
  await browser?.close();
  for (const child of children.reverse()) await child.end();
  folder?.remove();
});

/** What a failure needs to be understood. */
function story() {
  return children.map((child) => `--- ${child.name}\n${child.output.slice(-3000)}`).join("\n");
}

async function told(what, condition, timeoutMs) {
  try {
    return await until(what, condition, timeoutMs);
  } catch (error) {
    await page?.screenshot({ path: join(outFolder, "console-failed.png") }).catch(() => {});
    error.message += `\nthe page: ${JSON.stringify(await look(page).catch(String))}\n${story()}`;
    throw error;
  }
}

test("the console shows the bots' battle, and it moves", async () => {
  await told("the bots on the map", async () => (await look(page)).players === BOTS, 30_000);
  await told("moving players", async () => (await countMoving(page)) >= 3, 20_000);
  await told("the scores", async () => (await page.locator("#score-list li").count()) > 0, 10_000);
  await page.screenshot({ path: join(outFolder, "console-watching.png") });
});

test("a spectator sees what one player is sent, and the whole map again", async () => {
  const following = () => page.evaluate(() => ({ followed: window.drumline.followed, figures: window.drumline.followFigures }));
  await page.locator("#score-list li").first().click();
  await page.click("#follow-button");
  await told("the followed player's frames", async () => (await following()).figures !== null, 15_000);
  const { followed, figures } = await following();
  console.log(`what player ${followed} is sent: ${JSON.stringify(figures)}`);
  assert.ok(followed >= 0);
  assert.ok(figures.largest <= 1100, "within a player's budget");
  // A spectator of the whole map is sent nobody so often.
  await told("neighbours at every tick", async () => (await following()).figures.tiers[0] > 0, 10_000);
  await page.screenshot({ path: join(outFolder, "console-following.png") });
  await page.keyboard.press("0");
  await told("the whole map", async () => (await following()).followed === -1 && (await look(page)).entities >= BOTS, 15_000);
});

test("a person joins by the button and runs with the keyboard", async () => {
  await page.fill("#name", "Ada");
  await page.click("#join-button");
  await told("the own player", async () => (await look(page)).self?.name === "Ada", 20_000);
  assert.equal((await look(page)).seat, "player");
  // An obstacle, a bot's blow or the border may stop one way; not all of them.
  let far = 0;
  await told("the own player running", async () => {
    for (const key of ["KeyD", "KeyA", "KeyS", "KeyW"]) {
      const { dx, dy } = await walk(page, key, 600);
      const along = key === "KeyD" ? dx : key === "KeyA" ? -dx : key === "KeyS" ? dy : -dy;
      far = Math.max(far, along);
    }
    return far > 1;
  }, 30_000);
  await page.mouse.move(900, 300);
  await page.mouse.down();
  await page.waitForTimeout(500);
  await page.screenshot({ path: join(outFolder, "console-playing.png") });
  await page.mouse.up();
});

test("the own player is predicted: he moves in the very frame of the key", async () => {
  await told("the prediction", async () => page.evaluate(() => window.drumline.shown !== null), 20_000);
  // A key is pressed between two frames; the next one that is drawn shows it.
  const press = (code) =>
    page.evaluate(async (code) => {
      const frame = () => new Promise((resolve) => requestAnimationFrame(() => resolve(window.drumline.self)));
      await frame();
      const before = await frame();
      window.dispatchEvent(new KeyboardEvent("keydown", { code }));
      await frame();
      // The page's own callback of that frame may come after this one.
      const after = await frame();
      window.dispatchEvent(new KeyboardEvent("keyup", { code }));
      return Math.hypot(after.x - before.x, after.y - before.y);
    }, code);
  await told("a move at once", async () => {
    await page.waitForTimeout(400); // stands still
    return Math.max(await press("KeyD"), await press("KeyS"), await press("KeyA"), await press("KeyW")) > 0.01;
  }, 30_000);
  await told("the figures of it", async () => page.evaluate(() => window.drumline.input?.predicted && window.drumline.input.countedMs > 0), 10_000);
  const { input, shown } = await page.evaluate(() => ({ input: window.drumline.input, shown: window.drumline.shown }));
  console.log(`prediction: ${JSON.stringify(input)} ${JSON.stringify(shown)}`);
  assert.ok(shown.tick >= shown.confirmedTick, "ahead of the server's word");
});

test("after kill -9 and a restart the page goes on in the same battle by itself", async () => {
  const before = await look(page);
  await server.end("SIGKILL");
  await told("the page's notice", async () => (await look(page)).connection === "reconnecting", 10_000);
  assert.match(await page.textContent("#notice"), /Reconnecting/);
  await page.screenshot({ path: join(outFolder, "console-reconnecting.png") });
  ({ child: server } = await startServer(binary, folder.path, address.port, address.admin_port));
  children.push(server);
  await told("the connection", async () => (await look(page)).connection === "connected", 30_000);
  await told("a battle that goes on", async () => (await look(page)).tick > before.tick, 15_000);
  const now = await look(page);
  assert.equal(now.seat, "player");
  assert.ok(now.reconnects >= 1);
  await told("the own player", async () => (await look(page)).self?.name === "Ada", 10_000);
  await told("the prediction again", async () => page.evaluate(() => window.drumline.shown !== null), 10_000);
  await told("the bots moving again", async () => (await countMoving(page)) >= 3, 40_000);
  await page.screenshot({ path: join(outFolder, "console-resumed.png") });
});

test("nothing went wrong in the page", async () => {
  const { fps, decoder } = await look(page);
  console.log(`page: ${fps} fps; ${JSON.stringify(decoder)}; screenshots in ${outFolder}`);
  assert.equal(decoder.malformed, 0);
  assert.deepEqual(browser.errors, []);
});
