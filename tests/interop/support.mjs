// What the tests with foreign clients share: a server of their own, its figures, tokens for it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { startServer, temporaryFolder, until } from "../browser/support.mjs";

export { until };

/** A server on free ports, with a folder of its own; `settings` are configuration keys and values. */
export class Server {
  static async start(settings = {}) {
    const binary = process.env.DRUMLINE_BIN;
    assert.ok(binary && existsSync(binary), `DRUMLINE_BIN names no binary: ${binary}`);
    const folder = temporaryFolder();
    // How busy the machine is does not matter here.
    const more = Object.entries({ "overload.enabled": false, ...settings }).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
    const started = await startServer(binary, folder.path, 0, 0, more);
    return Object.assign(new Server(), started, { folder, settings: more });
  }

  get port() {
    return this.ready.port;
  }
  get admin() {
    return this.ready.url.replace(/\/$/, "");
  }
  pki(file) {
    return join(this.folder.path, "pki", file);
  }

  async token(query) {
    return (await (await fetch(`${this.admin}/token?${query}`)).json()).token;
  }

  /** A figure of all shards together. */
  async metric(name, labels = "") {
    const text = await (await fetch(`${this.admin}/metrics`)).text();
    const lines = text.split("\n").filter((line) => /^[^ {]*/.exec(line)[0] === name && line.includes(labels));
    assert.ok(lines.length > 0, `no ${name} ${labels} in the metrics`);
    return lines.reduce((sum, line) => sum + Number(line.split(" ").pop()), 0);
  }

  /** Waits until a counter has come to that; figures are told a little late. */
  async counts(name, value, labels) {
    let last;
    await until(`${value} of ${name}`, async () => (last = await this.metric(name, labels)) >= value, 10_000).catch((error) => {
      error.message += `; it is ${last}`;
      throw error;
    });
    assert.equal(last, value, name);
  }

  /** Killed, and started again on the same folder and port. */
  async restart() {
    await this.child.end("SIGKILL");
    Object.assign(this, await startServer(process.env.DRUMLINE_BIN, this.folder.path, this.port, 0, this.settings));
  }

  async end() {
    await this.child.end();
    this.folder.remove();
  }
}

/** Runs a program to its end: { code, output, error }, both as they came. */
export async function output(command, args, lateMs = 30_000) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
  const told = { output: "", error: "" };
  child.stdout.on("data", (text) => (told.output += text));
  child.stderr.on("data", (text) => (told.error += text));
  const late = setTimeout(() => child.kill("SIGKILL"), lateMs);
  const code = await new Promise((resolve, reject) => {
    child.on("close", resolve);
    child.on("error", (error) => reject(new Error(`${command}: ${error.message}; run tools/setup`)));
  });
  clearTimeout(late);
  return { code, ...told };
}
