// The page by itself, against a pretended server: what cannot wait for, or be
// provoked in, a real one.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { join } from "node:path";
import { PretendedArena } from "./mock/arena.mjs";
import { MockServer } from "./mock/server.mjs";
import { countMoving, look, openBrowser, outFolder, until, walk } from "./support.mjs";

let browser;
let server;
let page;

before(async () => {
  await import("../../sdk/typescript/build.mjs");
  await import("../../apps/console/build.mjs");
  server = await new MockServer({ arena: new PretendedArena(60) }).listen();
  browser = await openBrowser();
  page = browser.page;
  await page.goto(server.url);
});

after(async () => {
  await browser?.close();
  await server?.kill();
});

test("the page shows a moving battle at first sight", async () => {
  await until("the map", async () => (await look(page)).players === 60, 15_000);
  assert.ok((await countMoving(page)) > 10);
  assert.match(await page.textContent("#head"), /Drumline.*live battle.*60 players/s);
  await until("the scores", async () => (await page.locator("#score-list li").count()) === 12, 5_000);
  await until("the plots", async () => /µs/.test(await page.textContent("#plots")), 5_000);
  await page.screenshot({ path: join(outFolder, "page-watching.png") });
});

test("a spectator can zoom in, follow somebody and see all again", async () => {
  await page.locator("#score-list li").first().click();
  await page.waitForTimeout(1200);
  await page.screenshot({ path: join(outFolder, "page-following.png") });
  await page.keyboard.press("0");
});

test("joining, running, fighting and leaving", async () => {
  await page.fill("#name", "Ada");
  await page.click("#join-button");
  await until("the own player", async () => (await look(page)).self?.name === "Ada", 10_000);
  // This server hands out no simulation, and would be another one.
  await until("the reason", async () => /confirmed them: simulation.wasm/.test(await page.textContent("#toasts")), 5_000);
  await until("the figures", async () => /not predicted/.test(await page.textContent("#plots")), 5_000);
  const { dx } = await walk(page, "KeyD", 700);
  const back = await walk(page, "ArrowLeft", 700);
  assert.ok(dx > 1.5 || back.dx < -1.5, `moved ${dx} and ${back.dx}`);
  await page.mouse.move(900, 300);
  await page.mouse.down();
  await page.keyboard.press("KeyE");
  await page.waitForTimeout(400);
  await page.mouse.up();
  // On a busy machine a frame of the page takes its time.
  await until("one skill to cool", async () => (await page.locator(".skill.cooling").count()) === 1, 5_000);
  await page.screenshot({ path: join(outFolder, "page-playing.png") });
  const self = server.arena.players.find((player) => player?.name === "Ada");
  server.arena.order(() => server.arena.hurt(server.arena.players[0], self, 1000));
  await until("the death screen", () => page.isVisible("#death"), 5_000);
  assert.match(await page.textContent("#death"), /bot 000 got you/);
  await page.screenshot({ path: join(outFolder, "page-death.png") });
  await until("the respawn", async () => !(await page.isVisible("#death")), 8_000);
  await page.click("#leave-button");
  await until("the spectator's seat", async () => (await look(page)).seat === "spectator", 5_000);
});

test("when the server dies the page says so, and goes on when it is back", async () => {
  const { arena } = server;
  const [http, socket] = [server.httpPort, server.socketPort];
  await server.kill();
  await until("the notice", async () => /Reconnecting/.test(await page.textContent("#notice")), 5_000);
  assert.equal((await look(page)).connection, "reconnecting");
  await page.screenshot({ path: join(outFolder, "page-reconnecting.png") });
  server = await new MockServer({ arena }).listen(http, socket);
  await until("the connection", async () => (await look(page)).connection === "connected", 15_000);
  const { tick, reconnects } = await look(page);
  assert.equal(reconnects, 1);
  await until("new states", async () => (await look(page)).tick > tick, 5_000);
});

test("a page that is opened while no server answers says what to do", async () => {
  await page.route("**/console.json", (route) => route.abort());
  await page.reload();
  await until("the notice", async () => /not reachable/.test(await page.textContent("#notice")), 8_000);
  await page.screenshot({ path: join(outFolder, "page-unreachable.png") });
  await page.unroute("**/console.json");
  await until("the connection", async () => (await look(page)).connection === "connected", 8_000);
});

test("nothing went wrong in the page", () => {
  assert.deepEqual(browser.errors, []);
});
