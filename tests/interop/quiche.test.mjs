// Native QUIC (drumline/1, mutual TLS) spoken by Cloudflare's quiche, and by the client that npm's
// @matrixai/quic builds on it. Messages are put together as docs/formats has them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Action, decodeServerMessage, encodeCommand, encodeFrame, encodeHello, encodeLeave, encodePing, FrameReader } from "../../sdk/typescript/dist/index.js";
import { Server, until } from "./support.mjs";

// Its binary is there for these only; elsewhere there is nothing to test with.
const served = ["linux-x64", "darwin-x64", "darwin-arm64", "win32-x64"].includes(`${process.platform}-${process.arch}`);
const options = { skip: !served && "@matrixai/quic has no binary for this machine" };
const { QuicheClient } = served ? await import("./quiche_client.mjs") : {};
const STATE_FRAME = 0x01;

let server;
let files;
const clients = [];

before(async () => {
  server = await Server.start();
  files = { ca: server.pki("ca.pem"), cert: server.pki("client.pem"), key: server.pki("client.key") };
});
after(async () => {
  for (const client of clients) client.end();
  await server?.end();
});

async function connect(...given) {
  const client = await QuicheClient.connect(server.port, ...given);
  clients.push(client);
  return client;
}

const hello = (fields) => encodeFrame(encodeHello({ game: "arena", battle: 0n, name: "Quiche", seat: "player", ...fields }));

/** What came on the stream so far, as messages. */
function messages(bytes) {
  const all = [];
  new FrameReader().feed(bytes, (payload) => all.push(decodeServerMessage(payload)));
  return all;
}
const told = (client, type) => until(`a ${type}`, () => {
  if (client.error) assert.fail(JSON.stringify(client.error));
  return messages(client.stream).find((message) => message?.type === type);
}, 15_000);

/** Joins the battle; gives the client and his Welcome. */
async function join(...given) {
  const client = await connect(files, ...given);
  assert.ok(await client.established(), JSON.stringify(client.error));
  client.write(hello());
  return { client, welcome: await told(client, "welcome") };
}

const states = (client) => client.datagrams.filter((bytes) => bytes[0] === STATE_FRAME).length;
async function moreStates(client) {
  const before = states(client);
  await until("further state frames", () => states(client) > before + 5, 15_000);
}
let commands = 0;
function move(client, { entityId, visit }) {
  client.send(encodeFrame(encodeCommand({
    sequence: ++commands, entityId, targetId: 0n, action: Action.move, timestampMs: Date.now(), skill: 0,
    x: 32767, y: 0, keyAcks: [], applyTick: 0, viewTick: 0, visit,
  })));
}
const applied = () => server.metric("drumline_battle_commands_total", 'outcome="accepted"');

test("joins by mutual TLS, plays by datagrams, is answered, and leaves", options, async () => {
  const { client, welcome } = await join();
  assert.equal(Buffer.from(client.connection.applicationProto()).toString(), "drumline/1");
  assert.equal(welcome.game, "arena");
  await moreStates(client);
  assert.ok(client.datagrams.every((bytes) => bytes.length <= 1200));
  const before = await applied();
  await until("an applied command", async () => (move(client, welcome), (await applied()) > before), 15_000);
  client.write(encodeFrame(encodePing(0x1122334455667788n)));
  assert.equal((await told(client, "pong")).nonce, 0x1122334455667788n);
  client.write(encodeFrame(encodeLeave()));
  assert.equal((await client.closed()).errorCode, 0, "an orderly leave");
});

test("who proves nothing, or speaks something else, is told why at once", options, async () => {
  const { ca } = files;
  execFileSync(process.env.DRUMLINE_BIN, ["cert", "issue", "--pki", server.pki(""), "mallory"]);
  execFileSync(process.env.DRUMLINE_BIN, ["cert", "revoke", "--pki", server.pki(""), "mallory"]);
  const mallory = { ca, cert: server.pki("mallory.pem"), key: server.pki("mallory.key") };
  // What has changed is taken up within a second or so.
  const revoked = await until("the revocation", async () => {
    const client = await connect(mallory);
    return (await client.established()) ? (await new Promise((resolve) => setTimeout(resolve, 300)), client.error) : client.error;
  }, 15_000);
  for (const [error, code, reason] of [
    [await (await connect({ ca })).closed(), 0x100 + 116, /Certificate is required/],
    [await (await connect(files, { alpn: "nonsense" })).closed(), 0x100 + 120, /application protocol/],
    [revoked, 0x100 + 44, /revoked/],
  ]) {
    assert.deepEqual([error.isApp, error.errorCode], [false, code], JSON.stringify(error));
    assert.match(error.reason, reason);
  }
});

test("quiche trusts the server under its own name only", options, async () => {
  const client = await connect(files, { serverName: "play.example" });
  assert.equal(await client.established(), false);
  assert.equal(client.connection.localError().errorCode, 0x100 + 42, "bad_certificate");
  await server.counts("drumline_quic_handshakes_failed_total", 1, 'reason="closed_by_peer"');
});

test("a stream that holds no frames is closed with our code and a reason", options, async () => {
  const client = await connect(files);
  assert.ok(await client.established());
  client.write(Buffer.concat([Buffer.from([0xf1, 0xf2, 0x7f, 0xff, 0xff, 0xff, 0, 0]), Buffer.alloc(64)]));
  const error = await client.closed();
  assert.deepEqual([error.isApp, error.errorCode], [true, 2], "bad_frame");
  assert.ok(error.reason.length > 0);
});

test("its address changes under it, and then by its own will, and the seat stays", options, async () => {
  const { client, welcome } = await join();
  await moreStates(client);
  await client.rebind();
  for (let i = 0; i < 3; ++i) move(client, welcome);
  await moreStates(client);
  await client.migrate();
  move(client, welcome);
  await moreStates(client);
  assert.ok(messages(client.stream).filter((message) => message?.type === "welcome").length === 1);
  assert.equal(client.error, undefined);
  client.end();
});

test("with a ticket it comes back by a short handshake, and speaks with its first packets", options, async () => {
  const { client: first, welcome } = await join();
  // A ticket comes after the handshake.
  const session = await until("a ticket", () => first.connection.session(), 15_000);
  first.end(1);
  const again = await connect(files, { session });
  assert.ok(again.connection.isInEarlyData(), "before any answer");
  again.write(hello({ reconnectToken: welcome.reconnectToken }));
  assert.ok(await again.established(), JSON.stringify(again.error));
  assert.ok(again.connection.isResumed());
  const seat = await until("the seat", () => messages(again.stream).find((message) => message?.type === "welcome" && message.player === welcome.player), 15_000);
  assert.ok(seat.resumed);
  await moreStates(again);
  await server.counts("drumline_quic_resumed_total", 1);
  await server.counts("drumline_quic_early_data_total", 1);
  const before = await applied();
  await until("an applied command", async () => (move(again, seat), (await applied()) > before), 15_000);
});

test("a ticket does not outlive its owner's certificate", options, async () => {
  const { client: first } = await join();
  const session = await until("a ticket", () => first.connection.session(), 15_000);
  first.end();
  execFileSync(process.env.DRUMLINE_BIN, ["cert", "issue", "--pki", server.pki(""), "trudy"]);
  execFileSync(process.env.DRUMLINE_BIN, ["cert", "revoke", "--pki", server.pki(""), "client"]);
  // Whose certificate has been revoked is not let in by his ticket either.
  await until("the revocation", async () => {
    const client = await connect(files, { session });
    const open = (await client.established()) && (await new Promise((resolve) => setTimeout(resolve, 300)), !client.error);
    client.end();
    return !open;
  }, 15_000);
  const trudy = { ca: files.ca, cert: server.pki("trudy.pem"), key: server.pki("trudy.key") };
  assert.ok(await (await connect(trudy)).established(), "another one is");
  files = trudy;
});

test("a Retry is followed where everybody is asked to prove his address", options, async () => {
  const careful = await Server.start({ "gateway.retry_threshold": 0 });
  try {
    const pki = { ca: careful.pki("ca.pem"), cert: careful.pki("client.pem"), key: careful.pki("client.key") };
    const client = await QuicheClient.connect(careful.port, pki);
    clients.push(client);
    assert.ok(await client.established(), JSON.stringify(client.error));
    assert.equal(client.kinds.get("retry"), 1);
    await careful.counts("drumline_quic_retries_total", 1);
    client.write(hello());
    await told(client, "welcome");
  } finally {
    await careful.end();
  }
});

test("a server that was restarted answers with a stateless reset, and quiche knows it", options, async () => {
  const { client } = await join();
  await server.restart();
  client.write(encodeFrame(encodePing(1n)));
  await until("the end", () => client.connection.isDraining() || client.connection.isClosed(), 10_000);
  assert.equal(client.connection.isTimedOut(), false);
  await until("the count", async () => (await server.metric("drumline_quic_resets_total")) >= 1, 5_000);
  assert.ok((await (await connect(files)).established()), "and is served again");
});

test("the package's own client joins over a stream", options, async () => {
  const { QUICClient } = await import("@matrixai/quic");
  const client = await QUICClient.createQUICClient({
    host: "127.0.0.1", port: server.port, serverName: "localhost", localHost: "127.0.0.1",
    crypto: { ops: { randomBytes: async (data) => void webcrypto.getRandomValues(new Uint8Array(data)) } },
    config: {
      ca: readFileSync(files.ca), cert: readFileSync(files.cert), key: readFileSync(files.key),
      verifyPeer: true, applicationProtos: ["drumline/1"], maxIdleTimeout: 10_000,
    },
  });
  const { readable, writable } = client.connection.newStream();
  const writer = writable.getWriter();
  const reader = readable.getReader();
  await writer.write(hello({ seat: "spectator" }));
  let bytes = Buffer.alloc(0);
  while (!messages(bytes).some((message) => message?.type === "welcome")) {
    const { value, done } = await reader.read();
    assert.ok(!done, "the stream's end before a Welcome");
    bytes = Buffer.concat([bytes, value]);
  }
  await client.destroy({ isApp: true, errorCode: 0, force: true });
  await until("its leave", async () => (await server.metric("drumline_quic_connections")) <= 1, 15_000);
});
