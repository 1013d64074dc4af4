// A QUIC client on Cloudflare's quiche, by the binding of @matrixai/quic: no code and no
// cryptography in common with the server. The binding's own client knows no datagrams and no
// change of address, so quiche itself is used here, which does no I/O: packets in, packets out.
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { native } from "@matrixai/quic";
import { until } from "./support.mjs";

const { quiche } = native;
const HOST = "127.0.0.1";
const SIGNATURES = "ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256";
const packet = Buffer.alloc(2048);

export class QuicheClient {
  /** What came: datagrams, and the bytes of stream 0. */
  datagrams = [];
  stream = Buffer.alloc(0);
  packetsSent = 0;
  /** The first bytes of packets that came: which kinds they are of. */
  kinds = new Map();

  /**
   * `files` are names of PEM files: ca, and cert and key for one who proves himself.
   * `session`: of an earlier connection, to go on with.
   */
  static async connect(port, { ca, cert, key }, { alpn = "drumline/1", serverName = "localhost", session, idleMs = 10_000 } = {}) {
    const own = (file) => (file ? [readFileSync(file)] : undefined);
    const config = quiche.Config.withBoringSslCtx(true, false, readFileSync(ca), own(key), own(cert), SIGNATURES);
    config.setApplicationProtos([alpn]);
    config.setMaxIdleTimeout(idleMs);
    config.setMaxRecvUdpPayloadSize(1500);
    config.setMaxSendUdpPayloadSize(1350);
    config.setInitialMaxData(1 << 20);
    config.setInitialMaxStreamDataBidiLocal(1 << 20);
    config.setActiveConnectionIdLimit(4);
    config.enableDgram(true, 1000, 100);
    if (session) config.enableEarlyData();
    const client = new QuicheClient();
    client.peer = { host: HOST, port };
    client.local = await client.#bind();
    client.connection = quiche.Connection.connect(serverName, randomBytes(16), client.local, client.peer, config);
    if (session) client.connection.setSession(session);
    client.flush();
    return client;
  }

  /** A socket in place of the last one; gives its address. */
  async #bind() {
    const socket = createSocket("udp4");
    await new Promise((resolve, reject) => socket.once("error", reject).bind(0, HOST, resolve));
    socket.on("message", (bytes, from) => this.#receive(bytes, from));
    const old = this.socket;
    this.socket = socket;
    old?.close();
    return { host: HOST, port: socket.address().port };
  }

  /** From here on packets come from another port, and quiche is not told: as behind a NAT that forgot us. */
  async rebind() {
    await this.#bind();
  }

  /** Quiche itself goes on from another port: it proves the path first, with another connection id. */
  async migrate() {
    this.local = await this.#bind();
    this.connection.probePath(this.local, this.peer);
    this.flush();
    await until("the new path's proof", () => this.connection.isPathValidated(this.local, this.peer), 15_000);
    this.connection.migrateSource(this.local);
    this.flush();
  }

  #receive(bytes, from) {
    const kind = bytes[0] >> 7 === 0 ? "short" : bytes.readUInt32BE(1) === 0 ? "version negotiation" : ["initial", "0-RTT", "handshake", "retry"][(bytes[0] >> 4) & 3];
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
    try {
      this.connection.recv(bytes, { to: this.local, from: { host: from.address, port: from.port } });
    } catch (error) {
      this.fault ??= error.message;
    }
    const room = Buffer.alloc(65536);
    // It throws when there is none.
    for (let size; (size = quietly(() => this.connection.dgramRecv(room))) != null; ) this.datagrams.push(Buffer.from(room.subarray(0, size)));
    for (const id of this.connection.readable()) {
      for (let read; (read = quietly(() => this.connection.streamRecv(id, room))) != null && read[0] > 0; )
        this.stream = Buffer.concat([this.stream, room.subarray(0, read[0])]);
    }
    this.flush();
  }

  flush() {
    for (let sent; (sent = quietly(() => this.connection.send(packet))) != null; ) {
      this.socket.send(Buffer.from(packet.subarray(0, sent[0])), this.peer.port, this.peer.host);
      ++this.packetsSent;
    }
    clearTimeout(this.timer);
    const wait = this.connection.timeout();
    if (wait == null || this.connection.isClosed()) return;
    this.timer = setTimeout(() => {
      this.connection.onTimeout();
      this.flush();
    }, wait);
  }

  /** Done with its handshake, or closed: true for the one, false for the other. */
  async established() {
    await until("the handshake's end", () => this.connection.isEstablished() || this.connection.isClosed() || this.error, 15_000);
    if (!this.connection.isEstablished() || this.error) return false;
    // Another path needs an id of either end that was not seen on the first one: here is ours.
    quietly(() => this.connection.newSourceCid(randomBytes(16), BigInt(`0x${randomBytes(16).toString("hex")}`), false));
    this.flush();
    return true;
  }

  write(bytes, id = 0) {
    for (let at = 0; at < bytes.length; ) at += this.connection.streamSend(id, bytes.subarray(at), false) ?? bytes.length;
    this.flush();
  }

  send(datagram) {
    this.connection.dgramSend(datagram);
    this.flush();
  }

  /** Why the server ended it: { isApp, errorCode, reason }; undefined while it did not. */
  get error() {
    const error = this.connection.peerError();
    return error ? { ...error, reason: Buffer.from(error.reason).toString() } : undefined;
  }

  async closed() {
    return until("the connection's end", () => this.error ?? (this.connection.isClosed() && {}), 15_000);
  }

  /** Tells the server, and is gone. */
  end(code = 0, reason = "") {
    if (!this.connection.isClosed()) quietly(() => this.connection.close(true, code, Buffer.from(reason)));
    this.flush();
    clearTimeout(this.timer);
    this.socket.close();
    this.socket = { send() {}, close() {} };
  }
}

/** Quiche tells that nothing is left to do by an error, in some places. */
function quietly(what) {
  try {
    return what();
  } catch {
    return null;
  }
}
