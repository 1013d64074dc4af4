// WebSockets by npm's ws, which is Node's best-known client: over TLS and without, with the TypeScript
// SDK above it; then the frames that a WebSocket may bring and should not.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { Client, decodeServerMessage, encodeFrame, encodeHello, encodePing, FrameReader } from "../../sdk/typescript/dist/index.js";
import { Server, until } from "./support.mjs";

const PROTOCOL = "drumline.v1";
const MESSAGE_BYTES = 64 * 1024;

let server;
before(async () => (server = await Server.start()));
after(() => server?.end());

const ways = {
  "ws://": { url: () => `ws://127.0.0.1:${server.port}/play`, options: () => ({}) },
  "wss://": { url: () => `wss://localhost:${server.port}/play`, options: () => ({ ca: readFileSync(server.pki("ca.pem")) }) },
};

/** ws as the SDK wants a WebSocket, with options that a browser's has not. */
const withOptions = (options) => class extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols, options);
  }
};

/** A bare connection: { socket, replies, pongs, closed }. */
async function open(way = "ws://", more = {}) {
  const token = await server.token("seat=player&name=Wanda");
  const socket = new WebSocket(ways[way].url(), PROTOCOL, { ...ways[way].options(), headers: { Authorization: `Bearer ${token}` }, ...more });
  const replies = [];
  const pongs = [];
  const reader = new FrameReader();
  socket.on("message", (data, isBinary) => {
    assert.ok(isBinary);
    if (data[0] === 0xf1) reader.feed(data, (payload) => replies.push(decodeServerMessage(payload)));
  });
  socket.on("pong", (data) => pongs.push(data.toString()));
  const closed = new Promise((resolve) => socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() })));
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  socket.on("error", () => {});
  return { socket, replies, pongs, closed };
}
const ping = (nonce) => encodeFrame(encodePing(nonce));
const hello = () => encodeFrame(encodeHello({ game: "arena", battle: 0n, name: "Wanda", seat: "player" }));
const answer = ({ replies }, type) => until(`a ${type}`, () => replies.find((message) => message?.type === type), 15_000);
const sessions = () => server.metric("drumline_websocket_sessions");

for (const [way, { url, options }] of Object.entries(ways)) {
  test(`the SDK joins and plays over ${way}`, async () => {
    const token = await server.token("seat=player&name=Wanda");
    const client = new Client(url(), { token, webSocket: withOptions(options()), webTransport: null });
    const room = await client.joinOrCreate("arena", { name: "Wanda" });
    assert.equal(room.welcome.game, "arena");
    const self = await until("the own entity", () => room.state.find(room.entityId), 15_000);
    const from = [...self.values];
    await until("a step", () => {
      for (const [x, y] of [[1, 0], [0, 1], [-1, 0], [0, -1]]) room.send("move", { x, y });
      return self.values.slice(0, 2).some((value, i) => Math.abs(value - from[i]) > 0.1);
    }, 15_000);
    await until("the answer to a ping", () => room.roundTripMs >= 0, 15_000);
    assert.equal(room.state.stats.malformed ?? 0, 0);
    room.leave();
    await until("the session's end", async () => (await sessions()) === 0, 10_000);
  });
}

test("without the authority's file ws trusts nobody", async () => {
  await assert.rejects(open("wss://", { ca: undefined }), /certificate/);
});

test("what is refused is told by its status", async () => {
  const token = await server.token("seat=player&name=Wanda");
  const refused = (path, protocols, headers) => new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, protocols, { headers });
    socket.on("unexpected-response", (_, response) => (resolve(response.statusCode), socket.terminate()));
    socket.on("open", () => resolve(101));
    socket.on("error", () => {});
  });
  assert.equal(await refused("/play", PROTOCOL, {}), 401);
  assert.equal(await refused("/play?token=nonsense", PROTOCOL, {}), 401);
  assert.equal(await refused(`/play?token=${token}`, "chat", {}), 400);
  assert.equal(await refused(`/other?token=${token}`, PROTOCOL, {}), 404);
  assert.equal(await refused(`/play?token=${token}`, PROTOCOL, { Origin: "https://evil.example" }), 403);
});

test("compression is not agreed, whatever is offered", async () => {
  const one = await open("ws://", { perMessageDeflate: true });
  assert.equal(one.socket.extensions, "");
  assert.equal(one.socket.protocol, PROTOCOL);
  one.socket.close(1000);
  assert.equal((await one.closed).code, 1000);
});

test("a message's boundaries mean nothing, and its fragments as little", async () => {
  const one = await open();
  one.socket.send(hello());
  await answer(one, "welcome");
  const bytes = Buffer.concat([ping(1n), ping(2n), ping(3n)]);
  // Three WebSocket frames of one message, a ping between them, and half a frame of ours in each cut.
  one.socket.send(bytes.subarray(0, 5), { fin: false });
  one.socket.ping("between");
  one.socket.send(bytes.subarray(5, 40), { fin: false });
  one.socket.send(bytes.subarray(40), { fin: true });
  // And a message for each byte.
  for (const byte of ping(4n)) one.socket.send(Uint8Array.of(byte));
  one.socket.send(new Uint8Array(0));
  await until("four answers", () => one.replies.filter((message) => message?.type === "pong").length === 4, 15_000);
  assert.deepEqual(one.replies.filter((message) => message?.type === "pong").map(({ nonce }) => nonce), [1n, 2n, 3n, 4n]);
  await until("the ping's answer", () => one.pongs.length === 1, 5_000);
  assert.deepEqual(one.pongs, ["between"]);
  one.socket.close(4000);
  assert.equal((await one.closed).code, 4000);
});

test("a message of the largest size is taken, one byte more is not", async () => {
  const one = await open();
  one.socket.send(hello());
  await answer(one, "welcome");
  // Bytes that are no frame are passed over up to the next one, and count as one error.
  const largest = Buffer.alloc(MESSAGE_BYTES, 0xee);
  Buffer.from(ping(7n)).copy(largest, MESSAGE_BYTES - ping(7n).length);
  one.socket.send(largest);
  assert.equal((await answer(one, "pong")).nonce, 7n);
  one.socket.send(Buffer.alloc(MESSAGE_BYTES + 1));
  const { code, reason } = await one.closed;
  assert.equal(code, 4004);
  assert.match(reason, /^too_large: ./);
});

test("so it is when its size shows only piece by piece", async () => {
  const one = await open();
  for (let sent = 0; sent <= MESSAGE_BYTES; sent += 4096) one.socket.send(Buffer.alloc(4096), { fin: false });
  assert.equal((await one.closed).code, 4004);
});

for (const [what, send] of [
  ["a text message", (socket) => socket.send("hello")],
  ["one in fragments", (socket) => (socket.send("hel", { fin: false }), socket.send("lo", { fin: true }))],
]) {
  test(`${what} closes the session, with our code and a reason`, async () => {
    const one = await open();
    send(one.socket);
    const { code, reason } = await one.closed;
    assert.equal(code, 4003);
    assert.match(reason, /^bad_message: ./);
  });
}

test("text that is no UTF-8 ends it as RFC 6455 has it", async () => {
  const one = await open();
  one.socket.send(Uint8Array.of(0x68, 0xff, 0xfe), { binary: false });
  assert.equal((await one.closed).code, 1007);
});

test("a length of 63 bits is believed for 64 KiB", async () => {
  const one = await open();
  one.socket._socket.write(Uint8Array.from([0x82, 0xff, 0x7f, ...new Array(7).fill(0xff), 0, 0, 0, 0]));
  one.socket._socket.write(Buffer.alloc(MESSAGE_BYTES + 1));
  assert.equal((await one.closed).code, 4004);
});

// Written past ws, which would not: FIN, RSV1 and opcode; MASK and length; the mask.
for (const [what, bytes] of [
  ["a frame without a mask", [0x82, 0x01, 0x00]],
  ["a reserved bit", [0xc2, 0x81, 0, 0, 0, 0, 0x00]],
  ["an unknown opcode", [0x83, 0x81, 0, 0, 0, 0, 0x00]],
  ["a continuation of nothing", [0x80, 0x81, 0, 0, 0, 0, 0x00]],
  ["a ping of 126 bytes", [0x89, 0xfe, 0x00, 0x7e, 0, 0, 0, 0, ...new Array(126).fill(0)]],
  ["a ping in fragments", [0x09, 0x80, 0, 0, 0, 0]],
  ["a close of one byte", [0x88, 0x81, 0, 0, 0, 0, 0x03]],
]) {
  test(`${what} ends the connection and nothing else`, async () => {
    const other = await open();
    const one = await open();
    one.socket._socket.write(Uint8Array.from(bytes));
    const { code } = await one.closed;
    assert.equal(code, 1002, "protocol error (RFC 6455, section 7.4.1)");
    other.socket.send(ping(9n));
    other.socket.send(hello());
    await answer(other, "welcome");
    other.socket.close(4000);
    await other.closed;
  });
}

test("sessions are gone with their connections", async () => {
  await until("no sessions", async () => (await sessions()) === 0, 10_000);
});
