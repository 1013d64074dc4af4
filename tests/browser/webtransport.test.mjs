// The console's page over WebTransport, against a real server; and over the WebSocket where
// UDP does not come through. DRUMLINE_BIN is the drumline binary.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { createSocket } from "node:dgram";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Child, countMoving, look, openBrowser, outFolder, startServer, temporaryFolder, until, walk } from "./support.mjs";

const binary = process.env.DRUMLINE_BIN;
const DAY_MS = 86_400_000;
const folder = temporaryFolder();
const pki = join(folder.path, "keys");
const children = [];
let browser;
let page;
let address;

const certificate = () => new X509Certificate(readFileSync(join(pki, "web.pem")));
const hashOf = ({ raw }) => createHash("sha256").update(raw).digest("hex");
const daysLeft = ({ validTo }) => (Date.parse(validTo) - Date.now()) / DAY_MS;

/** A figure of the server's, of all its gateway shards. */
async function metric(name, labels = "") {
  const text = await (await fetch(`http://127.0.0.1:${address.admin_port}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`) && line.includes(labels));
  assert.ok(lines.length > 0, `no ${name} in the metrics`);
  return lines.reduce((sum, line) => sum + Number(line.split(" ").pop()), 0);
}

const transport = () => page.evaluate(() => window.drumline.transport);
const told = async (what, condition, timeoutMs) => {
  try {
    return await until(what, condition, timeoutMs);
  } catch (error) {
    await page?.screenshot({ path: join(outFolder, "webtransport-failed.png") }).catch(() => {});
    const story = children.map((child) => `--- ${child.name}\n${child.output.slice(-3000)}`).join("\n");
    error.message += `\nthe page: ${JSON.stringify(await look(page).catch(String))}\n${story}`;
    throw error;
  }
};
const openPage = () => page.goto(`http://127.0.0.1:${address.admin_port}/`);

before(async () => {
  assert.ok(binary && existsSync(binary), `DRUMLINE_BIN names no binary: ${binary}`);
  // Certificates as an operator makes them; then the browsers' one is a week older.
  execFileSync(binary, ["cert", "init", "--pki", pki]);
  assert.ok(daysLeft(certificate()) > 7 && daysLeft(certificate()) < 14);
  const openssl = (...words) => execFileSync("openssl", words, { cwd: pki, stdio: ["ignore", "pipe", "pipe"] });
  openssl("req", "-new", "-key", "web.key", "-subj", "/CN=localhost", "-out", "web.csr");
  openssl("x509", "-req", "-in", "web.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "3", "-out", "web.pem");
  const { child, ready } = await startServer(binary, join(folder.path, "data"), 0, 0, [
    "--set", `security.pki_folder=${pki}`, "--set", "gateway.idle_timeout_s=5", "--set", "gateway.keep_alive_s=2",
  ]);
  children.push(child);
  address = ready;
  children.push(new Child(binary, [
    "bots", "--connect", `quic://127.0.0.1:${ready.port}`, "--count", "10", "--pki", pki, "--seconds", "170",
  ]));
  browser = await openBrowser();
  page = browser.page;
});

after(async () => {
  await browser?.close();
  for (const child of children.reverse()) await child.end();
  folder.remove();
});

test("the hash that the page is given is that of a certificate renewed before its time is over", async () => {
  const old = certificate();
  assert.ok(daysLeft(old) < 4);
  const console_ = await (await fetch(`http://127.0.0.1:${address.admin_port}/console.json`)).json();
  assert.notEqual(console_.webtransport_hash, hashOf(old));
  assert.equal(console_.webtransport_hash, hashOf(certificate()));
  assert.ok(daysLeft(certificate()) > 7);
  assert.equal(console_.webtransport_port, address.port);
});

test("the page watches over WebTransport, on the port of the native clients", async () => {
  await openPage();
  await told("the bots on the map", async () => (await look(page)).players === 10, 30_000);
  assert.equal(await transport(), "webtransport");
  await told("moving players", async () => (await countMoving(page)) >= 2, 20_000);
  await told("what carries it", async () => /connected byWebTransport/.test(await page.textContent("#plots")), 5_000);
  await told("the server's count", async () => (await metric("drumline_webtransport_sessions")) === 1, 5_000);
  // On a busy machine it may have been tried beside; it is not kept.
  await told("no WebSocket", async () => (await metric("drumline_websocket_sessions")) === 0, 5_000);
  assert.ok((await metric("drumline_quic_connections")) >= 11, "bots and browser are connections of one port");
});

test("a person plays over it: commands on the stream, states by datagram", async () => {
  await page.fill("#name", "Ada");
  await page.click("#join-button");
  await told("the own player", async () => (await look(page)).self?.name === "Ada", 20_000);
  assert.equal(await transport(), "webtransport");
  let far = 0;
  await told("the own player running", async () => {
    for (const key of ["KeyD", "KeyA", "KeyS", "KeyW"]) {
      const { dx, dy } = await walk(page, key, 500);
      far = Math.max(far, Math.abs(dx), Math.abs(dy));
    }
    return far > 1;
  }, 30_000);
  await page.screenshot({ path: join(outFolder, "webtransport-playing.png") });
  await page.click("#leave-button");
  await told("the spectator's seat", async () => (await look(page)).seat === "spectator", 10_000);
  // The seats that were left close their sessions, and are no flood of them.
  await told("one session", async () => (await metric("drumline_webtransport_sessions")) === 1, 10_000);
});

test("a session that sends no frames is closed with our code and a reason", async () => {
  const closed = await page.evaluate(async () => {
    const config = await (await fetch("console.json")).json();
    const { token } = await (await fetch("token?seat=spectator")).json();
    const value = Uint8Array.from(config.webtransport_hash.match(/../g), (digits) => parseInt(digits, 16));
    const url = `https://127.0.0.1:${config.webtransport_port}${config.websocket_path}?token=${token}`;
    const session = new WebTransport(url, { serverCertificateHashes: [{ algorithm: "sha-256", value }] });
    await session.ready;
    const writer = (await session.createBidirectionalStream()).writable.getWriter();
    await writer.write(new Uint8Array(64).fill(0xee));
    return await session.closed;
  });
  assert.ok(closed.closeCode > 0 && closed.reason.length > 0, JSON.stringify(closed));
});

test("who brings no good token is refused", async () => {
  const outcome = await page.evaluate(async () => {
    const config = await (await fetch("console.json")).json();
    const value = Uint8Array.from(config.webtransport_hash.match(/../g), (digits) => parseInt(digits, 16));
    const url = `https://127.0.0.1:${config.webtransport_port}${config.websocket_path}?token=nonsense`;
    const session = new WebTransport(url, { serverCertificateHashes: [{ algorithm: "sha-256", value }] });
    session.closed.catch(() => {});
    return await session.ready.then(() => "open", () => "refused");
  });
  assert.equal(outcome, "refused");
  await told("the count", async () => (await metric("drumline_webtransport_refused_total", 'reason="token"')) === 1, 5_000);
});

/** Opens the page as if console.json said this of WebTransport. */
async function openWith(change) {
  await page.route("**/console.json", async (route) => {
    const answer = await route.fetch();
    await route.fulfill({ response: answer, json: { ...(await answer.json()), ...change } });
  });
  const begun = Date.now();
  await openPage();
  await told("the battle", async () => (await look(page)).players >= 10, 20_000);
  console.log(`${JSON.stringify(change)}: the battle after ${Date.now() - begun} ms, by ${await transport()}`);
  await page.unroute("**/console.json");
}

test("where the certificate is another the page takes the WebSocket by itself, and says so", async () => {
  await openWith({ webtransport_hash: "00".repeat(32) });
  assert.equal(await transport(), "websocket");
  await told("what carries it", async () => /connected byWebSocket/.test(await page.textContent("#plots")), 5_000);
  await page.screenshot({ path: join(outFolder, "webtransport-fallback.png") });
});

test("where UDP vanishes on its way it does so too", async () => {
  const hole = createSocket("udp4");
  await new Promise((resolve) => hole.bind(0, "127.0.0.1", resolve));
  let swallowed = 0;
  hole.on("message", () => swallowed++);
  // When the browser itself gives WebTransport up, and whether the page waited for that.
  await page.addInitScript(() => {
    const order = (window.orderOfWays = []);
    const { WebTransport, WebSocket } = window;
    window.WebTransport = class extends WebTransport {
      constructor(...given) {
        super(...given);
        this.closed.catch(() => order.push("WebTransport failed"));
      }
    };
    window.WebSocket = class extends WebSocket {
      constructor(...given) {
        super(...given);
        order.push("WebSocket begun");
      }
    };
  });
  await openWith({ webtransport_port: hole.address().port });
  assert.equal(await transport(), "websocket");
  assert.ok(swallowed > 0, "it was tried");
  assert.equal((await page.evaluate(() => window.orderOfWays))[0], "WebSocket begun");
  hole.close();
});

test("where the server has none it is not tried, and where it works again it is taken", async () => {
  await openWith({ webtransport_port: 0 });
  assert.equal(await transport(), "websocket");
  await openPage();
  await told("WebTransport", async () => (await look(page)).players >= 10 && (await transport()) === "webtransport", 20_000);
});

test("when the server stops the page says why, and its session ends", async () => {
  // Once it is gone the page says that nobody answers.
  const ended = children[0].end("SIGTERM");
  await told("the reason", async () => /stopping/i.test(await page.textContent("#notice")), 10_000);
  await ended;
  await told("the notice", async () => /Reconnecting/.test(await page.textContent("#notice")), 10_000);
});

test("nothing went wrong in the page", async () => {
  assert.equal((await look(page)).decoder?.malformed ?? 0, 0);
  assert.deepEqual(browser.errors, []);
});
