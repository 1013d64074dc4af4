// The TCP ports asked by curl, which is OpenSSL's TLS and an HTTP of its own: TLS 1.3 only, a
// certificate that the authority's file proves, the WebSocket's upgrade, the admin endpoint.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { output, Server } from "./support.mjs";

// curl's exit codes (man curl, "EXIT CODES").
const PARTIAL = 28;
const TLS_FAILED = 35;
const NOT_TRUSTED = 60;
const status = (answer) => Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1]);

let server;
before(async () => (server = await Server.start()));
after(() => server?.end());

const curl = (...args) => output("curl", ["--silent", "--show-error", "--include", "--max-time", "20", ...args]);
const overTls = (...args) => curl("--cacert", server.pki("ca.pem"), ...args, `https://localhost:${server.port}/play`);

/** An upgrade as RFC 6455 section 4.1 has it; `more` replaces and adds header fields. */
async function upgrade(token, more = {}, how = curl, where = []) {
  const key = randomBytes(16).toString("base64");
  const fields = {
    Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key,
    "Sec-WebSocket-Protocol": "drumline.v1", Authorization: `Bearer ${token}`, ...more,
  };
  const headers = Object.entries(fields).flatMap(([name, value]) => ["--header", `${name}: ${value}`]);
  // It is no end of an HTTP answer: curl waits for more, until its time is over.
  const answer = await how("--http1.1", "--no-buffer", "--max-time", "5", ...headers, ...where);
  const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  return { ...answer, accept };
}

test("the certificate is proven by the authority's file, for each name that is in it", async () => {
  for (const name of ["localhost", "127.0.0.1"]) {
    const answer = await curl("--cacert", server.pki("ca.pem"), "--verbose", `https://${name}:${server.port}/play`);
    assert.equal(answer.code, 0, answer.error);
    assert.match(answer.error, /SSL connection using TLSv1\.3 \/ TLS_AES_128_GCM_SHA256/);
    assert.match(answer.error, /ALPN: server accepted http\/1\.1/, "of the h2 and http/1.1 that it offers");
    assert.equal(status(answer.output), 426, "a request that is no upgrade");
    assert.match(answer.output, /^Upgrade: websocket\r$/m);
  }
});

test("without it, and under another name, curl trusts nobody", async () => {
  const stranger = await curl(`https://localhost:${server.port}/play`);
  assert.equal(stranger.code, NOT_TRUSTED, stranger.error);
  assert.equal(stranger.output, "");
  const resolve = ["--resolve", `play.example:${server.port}:127.0.0.1`];
  const other = await curl("--cacert", server.pki("ca.pem"), ...resolve, `https://play.example:${server.port}/play`);
  assert.equal(other.code, NOT_TRUSTED, other.error);
  assert.match(other.error, /subject name|does not match/i);
});

test("TLS 1.2 is refused by an alert that says so", async () => {
  const answer = await overTls("--tls-max", "1.2");
  assert.equal(answer.code, TLS_FAILED);
  assert.match(answer.error, /alert protocol version/);
  await server.counts("drumline_tls_handshakes_failed_total", 1, 'reason="tls"');
});

test("so are ciphers and groups that are not served, and those that are work", async () => {
  for (const [cipher, curve] of [["TLS_AES_256_GCM_SHA384", "X25519"], ["TLS_CHACHA20_POLY1305_SHA256", "P-384"]]) {
    const answer = await overTls("--verbose", "--tls13-ciphers", cipher, "--curves", curve);
    assert.equal(answer.code, 0, answer.error);
    assert.match(answer.error, new RegExp(`TLSv1\\.3 / ${cipher}`));
  }
  for (const refused of [["--tls13-ciphers", "TLS_AES_128_CCM_SHA256"], ["--curves", "P-521"]]) {
    const answer = await overTls(...refused);
    assert.equal(answer.code, TLS_FAILED, refused.join(" "));
    assert.match(answer.error, /alert handshake failure/);
  }
});

test("an upgrade gets its 101 and the key's answer, over TLS and without", async () => {
  for (const how of [overTls, (...args) => curl(...args, `http://127.0.0.1:${server.port}/play`)]) {
    const answer = await upgrade(await server.token("seat=player&name=Curl"), {}, how);
    assert.equal(answer.code, PARTIAL, answer.error);
    assert.equal(status(answer.output), 101, answer.output);
    const fields = Object.fromEntries([...answer.output.matchAll(/^([\w-]+): (.*)\r$/gm)].map(([, name, value]) => [name.toLowerCase(), value]));
    assert.equal(fields["sec-websocket-accept"], answer.accept);
    assert.equal(fields["sec-websocket-protocol"], "drumline.v1");
    assert.equal(fields.upgrade, "websocket");
    assert.equal(fields["sec-websocket-extensions"], undefined);
  }
});

test("an upgrade that lacks something is told what", async () => {
  const token = await server.token("seat=player&name=Curl");
  const asked = async (more, path = "/play", sent = token) =>
    upgrade(sent, more, curl, [`http://127.0.0.1:${server.port}${path}`]);
  for (const [expected, sentence, answer] of [
    [401, /token/, await asked({ Authorization: "" })],
    [401, /token/, await asked({}, "/play", `${token.slice(0, -4)}AAAA`)],
    [403, /origin/i, await asked({ Origin: "https://evil.example" })],
    [404, /path/, await asked({}, "/elsewhere")],
    [400, /drumline\.v1/, await asked({ "Sec-WebSocket-Protocol": "chat" })],
    [426, /./, await asked({ "Sec-WebSocket-Version": "8" })],
  ]) {
    assert.equal(status(answer.output), expected, answer.output);
    assert.match(answer.output.split("\r\n\r\n")[1], sentence);
  }
});

test("the admin endpoint answers: console, health, metrics, refusals", async () => {
  const page = await curl(`${server.admin}/`);
  assert.equal(status(page.output), 200);
  assert.match(page.output, /^Content-Type: text\/html; charset=utf-8\r$/m);
  const [, etag] = /^ETag: (.*)\r$/m.exec(page.output);
  const again = await curl("--header", `If-None-Match: ${etag}`, `${server.admin}/`);
  assert.equal(status(again.output), 304);
  assert.match((await curl(`${server.admin}/ready`)).output, /\r\n\r\nready/);
  const head = await curl("--head", `${server.admin}/metrics`);
  assert.equal(head.code, 0, head.error);
  assert.match(head.output, /^Content-Length: [1-9]\d*\r$/m);
  for (const [expected, ...args] of [
    [404, `${server.admin}/nothing`],
    [405, "--request", "DELETE", `${server.admin}/ready`],
    [421, "--header", "Host: evil.example", `${server.admin}/ready`],
    [400, "--data", "?", `${server.admin}/battles/ask?battle=1`],
  ]) {
    assert.equal(status((await curl(...args)).output), expected, args.join(" "));
  }
});

test("three requests go over one connection to it", async () => {
  const paths = ["/live", "/ready", "/metrics"].flatMap((path) => ["--output", "/dev/null", server.admin + path]);
  const { output: connections } = await output("curl", ["--silent", "--write-out", "%{http_code} %{num_connects}\n", ...paths]);
  assert.deepEqual(connections.trim().split("\n"), ["200 1", "200 0", "200 0"]);
});

test("what is posted is at most a MiB, whether curl says its length or not", async () => {
  const file = join(server.folder.path, "body");
  writeFileSync(file, Buffer.alloc(1024 * 1024 + 1, "x"));
  for (const chunked of [[], ["--header", "Transfer-Encoding: chunked"]]) {
    const answer = await curl(...chunked, "--data-binary", `@${file}`, `${server.admin}/battles/tell?battle=1`);
    assert.equal(answer.code, 0, answer.error);
    assert.equal(status(answer.output.slice(answer.output.lastIndexOf("HTTP/1.1"))), 413, answer.output);
  }
});
