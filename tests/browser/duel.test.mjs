// A duel in lockstep between two pages: each runs the battle in simulation.wasm, and both
// have the server's state hash. DRUMLINE_BIN is the drumline binary.
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { Client, loadSimulation, webSocketConnect } from "../../sdk/typescript/dist/index.js";
import { openBrowser, outFolder, startServer, temporaryFolder, until } from "./support.mjs";

const binary = process.env.DRUMLINE_BIN;
const servers = [];
const rooms = [];
let folder;
let browser;
let pages;
let address;

before(async () => {
  assert.ok(binary && existsSync(binary), `DRUMLINE_BIN names no binary: ${binary}`);
  folder = temporaryFolder();
  address = await start(0, 0);
  browser = await openBrowser({ width: 1280, height: 720 });
  pages = [browser.page, await browser.page.context().newPage()];
  pages[1].on("pageerror", (error) => browser.errors.push(String(error)));
});

after(async () => {
  for (const room of rooms) room.leave();
  await browser?.close();
  for (const server of servers.reverse()) await server.end();
  folder?.remove();
});

async function start(port, adminPort) {
  const rules = ["--game", "duel", "--set", "battle.sync_model=lockstep", "--set", "battle.count=2"];
  const { child, ready } = await startServer(binary, folder.path, port, adminPort, rules);
  servers.push(child);
  return ready;
}

const look = (page) =>
  page.evaluate(() => {
    const { state, stage, connection } = window.duel;
    return { state, stage, connection, call: document.querySelector("#call").textContent.trim() };
  });

async function told(what, condition, timeoutMs) {
  try {
    return await until(what, condition, timeoutMs);
  } catch (error) {
    for (const [i, page] of pages.entries()) await page.screenshot({ path: join(outFolder, `duel-failed-${i}.png`) }).catch(() => {});
    error.message += `\nthe pages: ${JSON.stringify(await Promise.all(pages.map(look)).catch(String))}\n${servers.at(-1).output.slice(-2000)}`;
    throw error;
  }
}

const fighterOf = ({ stage }, seat) => stage.fighters.find((fighter) => fighter.seat === seat);

/** The sum over its labels. */
async function metric(name) {
  const text = await (await fetch(`http://127.0.0.1:${address.admin_port}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  assert.ok(lines.length > 0, `no metric ${name}`);
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

/** Holds or taps a key in one page. */
async function press(page, code, ms = 0) {
  await page.evaluate((key) => window.dispatchEvent(new KeyboardEvent("keydown", { code: key })), code);
  if (ms > 0) await page.waitForTimeout(ms);
  await page.evaluate((key) => window.dispatchEvent(new KeyboardEvent("keyup", { code: key })), code);
}

test("the live page leads to the duel, and two pages meet in one", async () => {
  const names = ["Ada", "Bo"];
  for (const [i, page] of pages.entries()) {
    await page.goto(`http://127.0.0.1:${address.admin_port}/`);
    await page.waitForURL(/duel\.html/, { timeout: 20_000 });
    await page.waitForSelector("#entry-button:not([disabled])", { timeout: 20_000 });
    await page.fill("#name", names[i]);
    await page.click("#entry-button");
    if (i === 0) await told("waiting for the other", async () => /Waiting/.test((await look(page)).call), 20_000);
    if (i === 0) await page.screenshot({ path: join(outFolder, "duel-waiting.png") });
  }
  await told("the fight", async () => (await Promise.all(pages.map(look))).every(({ stage }) => stage?.phase === 2), 30_000);
  assert.match(await pages[1].textContent("#top"), /Ada.*Bo/s);
});

test("what one does the other sees, and a blow takes health in both", async () => {
  const [ada, bo] = pages;
  const { stage } = await look(ada);
  const mine = stage.seat;
  const x = fighterOf(await look(bo), mine).x;
  await press(ada, "KeyD", 500);
  await told("Ada's walk in Bo's page", async () => Math.abs(fighterOf(await look(bo), mine).x - x) > 0.5, 10_000);
  // They walk into each other, and Ada strikes until it has told.
  await told("Bo hurt in both pages", async () => {
    await press(ada, "KeyD", 350);
    await press(ada, "KeyJ");
    await ada.waitForTimeout(150);
    const views = await Promise.all(pages.map(look));
    return views.every((view) => view.stage.fighters.some((fighter) => fighter.seat !== mine && fighter.health < 300)) || views[0].stage.phase > 2;
  }, 40_000);
  await ada.screenshot({ path: join(outFolder, "duel-fighting.png") });
});

test("both ran the battle themselves with the server's hash at every tick", async () => {
  await told("two hashes of one tick", async () => {
    // Each page's newest confirmed hash, until both are of the same tick.
    const [a, b] = await Promise.all(pages.map(look));
    if (a.state.confirmedTick !== b.state.confirmedTick) return false;
    assert.equal(a.state.confirmedHash, b.state.confirmedHash);
    return true;
  }, 30_000);
  // Longer than the server waits for acknowledgements before it sends the state anew.
  const from = (await look(pages[0])).state.confirmedTick;
  await told("300 ticks", async () => (await look(pages[0])).state.confirmedTick > from + 300, 40_000);
  assert.equal(await metric("drumline_lockstep_restarts_total"), 0);
  for (const view of await Promise.all(pages.map(look))) {
    assert.equal(view.state.mismatches, 0);
    assert.ok(view.state.predictedTick >= view.state.confirmedTick);
  }
  const { state } = await look(pages[1]);
  console.log(`lockstep: ${JSON.stringify(state)}`);
  assert.ok(state.rollbacks > 0, "the other's moves are a surprise");
});

test("after kill -9 and a restart the duel goes on in both pages", async () => {
  const before = await look(pages[0]);
  await servers.at(-1).end("SIGKILL");
  await told("the notice", async () => /Reconnecting/.test((await look(pages[0])).call), 10_000);
  await start(address.port, address.admin_port);
  await told("the same duel", async () => {
    const views = await Promise.all(pages.map(look));
    return views.every(({ connection, state }) => connection === "connected" && state?.confirmedTick > before.state.confirmedTick);
  }, 40_000);
  for (const page of pages) assert.equal((await look(page)).state.mismatches, 0);
});

test("whose opponent leaves has won", async () => {
  await pages[1].goto("about:blank");
  await told("the end", async () => /won the match/.test((await look(pages[0])).call), 20_000);
  await told("another duel on offer", async () => pages[0].isVisible("#entry-button"), 30_000);
  assert.match(await pages[0].textContent("#entry"), /You won the match.*Fight again/s);
  await pages[0].screenshot({ path: join(outFolder, "duel-over.png") });
});

/** The server's word on one tick is another hash than its own, in every copy of it. */
function tamper(tick) {
  const connect = webSocketConnect(WebSocket);
  return (url, handlers) =>
    connect(url, {
      ...handlers,
      onDatagram: (bytes) => {
        const frame = Uint8Array.from(bytes);
        const newest = new DataView(frame.buffer).getUint32(4, true);
        for (let at = 8, left = frame[3]; left > 0; left--) {
          const age = frame[at++];
          let length = frame[at++];
          if (length > 127) length = (length & 127) + frame[at++] * 128;
          if (newest - age === tick()) frame[at] ^= 1;
          at += length;
        }
        handlers.onDatagram(frame);
      },
    });
}

test("a client with another state says so with its state, and is given the battle's anew", async () => {
  const admin = `http://127.0.0.1:${address.admin_port}`;
  const { websocket_port: port, websocket_path: path } = await (await fetch(`${admin}/console.json`)).json();
  const simulation = await loadSimulation(`${admin}/simulation.wasm`);
  let wrong = -1;
  const client = new Client(`ws://127.0.0.1:${port}${path}`, {
    connect: tamper(() => wrong),
    token: async () => (await (await fetch(`${admin}/token?seat=player&name=Cy`)).json()).token,
  });
  const room = await client.joinOrCreate("duel", { name: "Cy", simulation });
  // Else its timer keeps this process after a failure.
  rooms.push(room);
  const step = async (condition) => until("lockstep", () => room.advance() !== undefined && condition(room.lockstepState), 20_000);
  await step((state) => state?.confirmedTick > 0);
  wrong = room.lockstepState.confirmedTick + 10;
  const reports = join(folder.path, "failures");
  await until("the report of it", () => (room.advance(), existsSync(reports) && readdirSync(reports).some((name) => name.includes(`tick-${wrong}-`))), 20_000);
  await step((state) => state?.confirmedTick > wrong + 30 && state.mismatches === 1);
  assert.equal(await metric("drumline_desyncs_total"), 1);
  assert.equal(await metric("drumline_lockstep_restarts_total"), 1);
});

test("nothing went wrong in the pages", () => {
  assert.deepEqual(browser.errors, []);
});
