// How long a person in the page waits for what he does, over a way that takes its time: a
// real server and bots, the page in Chromium, and between both proxies that delay TCP and UDP.
//
//   DRUMLINE_BIN=build/drumline node tests/browser/input-delay.mjs WAY_MS [JITTER_MS] [off]
//
// prints the measured times as JSON; "off": without prediction.
import { createSocket } from "node:dgram";
import { createServer, connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Child, look, openBrowser, startServer, temporaryFolder, until } from "./support.mjs";

const KEYS = ["KeyD", "KeyW", "KeyA", "KeyS"];

/** Delays TCP both ways, in order; { port, close }. */
async function delayProxy(port, wayMs, jitterMs) {
  const sockets = new Set();
  const pipe = (from, to) => {
    let last = 0;
    from.setNoDelay();
    from.on("data", (bytes) => {
      last = Math.max(last, performance.now() + wayMs + Math.random() * jitterMs);
      setTimeout(() => to.writable && to.write(bytes), last - performance.now());
    });
    from.on("close", () => to.destroy());
    from.on("error", () => {});
    sockets.add(from);
  };
  const server = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    pipe(near, far);
    pipe(far, near);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: server.address().port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** Delays UDP both ways, each datagram for itself, so that they overtake each other; { port, close }. */
async function delayDatagramProxy(port, wayMs, jitterMs) {
  const later = (send) => setTimeout(send, wayMs + Math.random() * jitterMs);
  const near = createSocket("udp4");
  /** By the port of who sends: the socket that stands for it before the server. */
  const far = new Map();
  let open = true;
  near.on("message", (bytes, from) => {
    if (!far.has(from.port)) {
      const socket = createSocket("udp4");
      socket.on("message", (answer) => later(() => open && near.send(answer, from.port, from.address)));
      far.set(from.port, socket);
    }
    later(() => open && far.get(from.port).send(bytes, port, "127.0.0.1"));
  });
  await new Promise((resolve) => near.bind(0, "127.0.0.1", resolve));
  return {
    port: near.address().port,
    close: () => {
      open = false;
      for (const socket of [near, ...far.values()]) socket.close();
    },
  };
}

/** Presses a key in the page: the frames and milliseconds until the own player has moved; null: not within a second. */
const press = (page, code) =>
  page.evaluate(async (key) => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    await frame();
    const before = window.drumline.self;
    const pressedMs = performance.now();
    window.dispatchEvent(new KeyboardEvent("keydown", { code: key }));
    let found = null;
    for (let frames = 1; !found && performance.now() - pressedMs < 1000; frames++) {
      await frame();
      const { x, y } = window.drumline.self;
      if (Math.hypot(x - before.x, y - before.y) > 1e-3) found = { frames, ms: performance.now() - pressedMs };
    }
    await wait(250);
    window.dispatchEvent(new KeyboardEvent("keyup", { code: key }));
    await wait(500);
    return found;
  }, code);

/** `presses`, each with frames and ms; and what the page says of itself at the end. `transport`: which of the two the page is offered. */
export async function measureInputDelay(
  binary,
  { wayMs, jitterMs = 0, predicted = true, presses = 40, bots = 30, settleMs = 4000, transport = "webtransport" },
) {
  const folder = temporaryFolder();
  const ends = [folder.remove];
  try {
    const { child, ready } = await startServer(binary, folder.path, 0, 0);
    ends.push(() => child.end());
    const proxy = await delayProxy(ready.websocket_port, wayMs, jitterMs);
    ends.push(proxy.close);
    const datagramProxy = await delayDatagramProxy(ready.port, wayMs, jitterMs);
    ends.push(datagramProxy.close);
    const url = `quic://127.0.0.1:${ready.port}`;
    const players = new Child(binary, ["bots", "--connect", url, "--count", String(bots), "--pki", join(folder.path, "pki"), "--seconds", "170"]);
    ends.push(() => players.end());
    const { page, close } = await openBrowser({ width: 1280, height: 720 });
    ends.push(close);
    await page.route("**/console.json", async (route) => {
      const answer = await (await route.fetch()).json();
      const webtransport_port = transport === "webtransport" ? datagramProxy.port : 0;
      await route.fulfill({ json: { ...answer, websocket_port: proxy.port, webtransport_port } });
    });
    if (!predicted) await page.route("**/simulation.wasm", (route) => route.abort());
    await page.goto(`http://127.0.0.1:${ready.admin_port}/`);
    await until("the battle", async () => (await look(page)).players >= bots, 60_000);
    await page.fill("#name", "Ada");
    await page.click("#join-button");
    await until("the own player", async () => (await look(page)).self?.name === "Ada", 30_000);
    if (predicted) await until("prediction", () => page.evaluate(() => window.drumline.shown !== null), 20_000);
    await page.waitForTimeout(settleMs);
    const found = [];
    for (let i = 0; i < presses; i++) found.push(await press(page, KEYS[i % KEYS.length]));
    const said = await page.evaluate(() => {
      const { input, shown, delayMs, transport } = window.drumline;
      return { input, shown, delayMs, transport };
    });
    return { presses: found.filter(Boolean), ...said };
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [wayMs, jitterMs = 0] = process.argv.slice(2, 4).map(Number);
  const predicted = process.argv[4] !== "off";
  const { presses, input, shown, delayMs } = await measureInputDelay(process.env.DRUMLINE_BIN, { wayMs, jitterMs, predicted });
  const times = presses.map(({ ms }) => ms).sort((a, b) => a - b);
  const at = (share) => Math.round(times[Math.floor(share * (times.length - 1))]);
  console.log(
    JSON.stringify({
      way_ms: wayMs, jitter_ms: jitterMs, predicted, presses: times.length, shown_ms_p50: at(0.5), shown_ms_p95: at(0.95),
      counted_ms: Math.round(input.countedMs), input_delay_ticks: shown?.inputDelayTicks, others_delay_ms: Math.round(delayMs),
      corrections: input.corrections, longest_correction: Number(input.longest.toFixed(2)), late_commands: shown?.lateCommands,
    }),
  );
}
