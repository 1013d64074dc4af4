// HTTP/3 on the port of the native clients, asked by a client that is not ours and no browser:
// Debian's ngtcp2-client (0.12 of ngtcp2 in bookworm, where the server is built with 1.11). It
// speaks h3 and nothing else, so what QUIC itself has is tried over that.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { output, Server } from "./support.mjs";

let server;
before(async () => (server = await Server.start()));
after(() => server?.end());

/** Asks for a page as a browser without WebTransport would; gives what the client tells of it. */
async function ask(of, ...options) {
  const told = await output("gtlsclient", [
    "--exit-on-all-streams-close", "--timeout=5s", ...options, "127.0.0.1", String(of.port), `https://127.0.0.1:${of.port}/play`,
  ]);
  return told.output + told.error;
}

/** The request goes out so long after the handshake, so that something can happen before. */
const later = "--delay-stream=500ms";

test("a request that is no session gets its status and a sentence, and a clean end", async () => {
  const story = await ask(server);
  assert.match(story, /Negotiated ALPN is h3/);
  assert.match(story, /\[:status: 405\]/);
  assert.match(story, /Only CONNECT is/);
  assert.match(story, /HTTP stream 0 closed with error code 256/, "H3_NO_ERROR");
  await server.counts("drumline_webtransport_refused_total", 1, 'reason="request"');
});

test("so it does with other ciphers and groups", async () => {
  const story = await ask(server, "--ciphers=NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305", "--groups=-GROUP-ALL:+GROUP-X25519");
  assert.match(story, /Negotiated cipher suite is CHACHA20-POLY1305/);
  assert.match(story, /\[:status: 405\]/);
});

test("and when its first try has a version that nobody speaks", async () => {
  const story = await ask(server, "--version=0x1a2a3a4a", "--preferred-versions=v1");
  assert.match(story, /\[:status: 405\]/);
});

test("a version that it alone speaks is answered with those that are spoken here", async () => {
  const story = await ask(server, "--version=v2draft");
  assert.match(story, /VN v=0x00000001/);
  assert.match(story, /VN v=0x6b3343cf/, "version 2 (RFC 9369)");
  assert.match(story, /ERR_RECV_VERSION_NEGOTIATION/);
  assert.doesNotMatch(story, /\[:status:/);
});

test("new keys, that it asks for, are taken and answered with", async () => {
  const story = await ask(server, "--key-update=100ms", later);
  const [before, after_] = story.split("Initiate key update");
  assert.ok(after_, story.slice(-2000));
  assert.doesNotMatch(before, /pkt rx .* type=1RTT k=1/);
  assert.match(after_, /pkt rx .* type=1RTT k=1/);
  assert.match(after_, /\[:status: 405\]/);
});

test("it is found again behind a NAT that gave it another port", async () => {
  const story = await ask(server, "--change-local-addr=100ms", "--nat-rebinding", later);
  const [before, after_] = story.split("Local address is now");
  assert.ok(after_, story.slice(-2000));
  assert.doesNotMatch(before, /frm rx .* PATH_CHALLENGE/);
  assert.match(after_, /frm rx .* PATH_CHALLENGE/, "the server proves the new path by itself");
  assert.match(after_, /\[:status: 405\]/);
});

test("and when it moves by its own will, with another connection id", async () => {
  const story = await ask(server, "--change-local-addr=100ms", later);
  const [, after_] = story.split("Local address is now");
  assert.match(after_, /Path validation against path \{local:.*\} succeeded/);
  assert.match(after_, /\[:status: 405\]/);
});

test("a Retry is followed where the server asks everybody to prove his address", async () => {
  const careful = await Server.start({ "gateway.retry_threshold": 0 });
  try {
    const story = await ask(careful);
    assert.match(story, /pkt rx .* type=Retry/);
    assert.match(story, /\[:status: 405\]/);
    await careful.counts("drumline_quic_retries_total", 1);
  } finally {
    await careful.end();
  }
});
