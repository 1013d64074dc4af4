// HTTP/3 on the port of the native clients, asked by a client that is not ours and no browser:
// Debian's ngtcp2-client, of another version of ngtcp2 than the server's. DRUMLINE_BIN is the drumline binary.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { after, before, test } from "node:test";
import { startServer, temporaryFolder, until } from "./support.mjs";

const binary = process.env.DRUMLINE_BIN;
const folder = temporaryFolder();
let server;

before(async () => {
  assert.ok(binary && existsSync(binary), `DRUMLINE_BIN names no binary: ${binary}`);
  server = await startServer(binary, folder.path, 0, 0);
});

after(async () => {
  await server?.child.end();
  folder.remove();
});

/** Asks for a page as a browser without WebTransport would; gives what the client tells of it. */
async function ask(...options) {
  const { port } = server.ready;
  const child = spawn("gtlsclient", [
    "--exit-on-all-streams-close", "--timeout=5s", ...options, "127.0.0.1", String(port), `https://127.0.0.1:${port}/play`,
  ]);
  let story = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (story += text));
  const late = setTimeout(() => child.kill("SIGKILL"), 20_000);
  await new Promise((resolve, reject) => {
    child.on("close", resolve);
    child.on("error", (error) => reject(new Error(`gtlsclient: ${error.message}; apt-get install ngtcp2-client`)));
  });
  clearTimeout(late);
  return story;
}

const refused = async () => {
  const text = await (await fetch(`${server.ready.url}metrics`)).text();
  return Number(/drumline_webtransport_refused_total\{[^}]*reason="request"\} (\d+)/.exec(text)[1]);
};

test("a request that is no session gets its status and a sentence, and a clean end", async () => {
  const story = await ask();
  assert.match(story, /Negotiated ALPN is h3/);
  assert.match(story, /\[:status: 405\]/);
  assert.match(story, /Only CONNECT is/);
  assert.match(story, /HTTP stream 0 closed with error code 256/, "H3_NO_ERROR");
  await until("the count", async () => (await refused()) === 1, 5_000);
});

test("so it does with other ciphers and groups", async () => {
  const story = await ask("--ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305", "--groups=-GROUP-ALL:+GROUP-X25519");
  assert.match(story, /Negotiated cipher suite is CHACHA20-POLY1305/);
  assert.match(story, /\[:status: 405\]/);
});

test("and when its first try has a version that nobody speaks", async () => {
  const story = await ask("--version=0x1a2a3a4a", "--preferred-versions=v1");
  assert.match(story, /\[:status: 405\]/);
});
