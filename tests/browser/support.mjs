// What the browser tests share: Chromium, child processes, waiting.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

/** Screenshots stay here: DRUMLINE_TEST_OUT, or a folder in the temporary one. */
export const outFolder = process.env.DRUMLINE_TEST_OUT || join(tmpdir(), "drumline-browser");
mkdirSync(outFolder, { recursive: true });

export function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), "drumline-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}

function chromiumPath() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  for (const candidate of [...folders.map((folder) => join(folder, "chromium")), "/usr/bin/chromium"]) {
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // the next one
    }
  }
  throw new Error("chromium is not installed: run tools/setup, or apt-get install chromium");
}

/** A browser with nothing of its own: { page, errors, close }. */
export async function openBrowser({ width = 1280, height = 800 } = {}) {
  const profile = temporaryFolder();
  const context = await chromium.launchPersistentContext(profile.path, {
    executablePath: chromiumPath(),
    headless: true,
    viewport: { width, height },
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  const page = context.pages()[0] ?? (await context.newPage());
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  return {
    page,
    errors,
    close: async () => {
      await context.close();
      profile.remove();
    },
  };
}

/** What the page says of itself. */
export const look = (page) =>
  page.evaluate(() => {
    const { connection, seat, tick, players, entities, fps, reconnects, self, scores, decoder } = window.drumline;
    return { connection, seat, tick, players, entities, fps, reconnects, self, scores, decoder };
  });

export async function until(what, condition, timeoutMs) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) assert.fail(`${what}: not within ${timeoutMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Players whose place changes within a second. */
export async function countMoving(page, ms = 1000) {
  const before = await page.evaluate(() => window.drumline.positions());
  await page.waitForTimeout(ms);
  const after = await page.evaluate(() => window.drumline.positions());
  return Object.keys(before).filter((key) => {
    const [a, b] = [before[key], after[key]];
    return b && Math.hypot(a[0] - b[0], a[1] - b[1]) > 0.2;
  }).length;
}

/** Runs a key for some time and says how far the own player went. */
export async function walk(page, key, ms) {
  const place = () => page.evaluate(() => window.drumline.self);
  const from = await place();
  await page.keyboard.down(key);
  await page.waitForTimeout(ms);
  await page.keyboard.up(key);
  await page.waitForTimeout(250);
  const to = await place();
  return from && to ? { dx: to.x - from.x, dy: to.y - from.y, died: from.dead || to.dead } : { dx: 0, dy: 0, died: true };
}

/** A child whose output is kept for the failure message. */
export class Child {
  constructor(command, args) {
    this.output = "";
    // DRUMLINE_… is configuration to the server, and the tests' own words are none.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("DRUMLINE_")));
    this.process = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env });
    this.exited = new Promise((resolve) => {
      this.process.on("error", (error) => {
        this.output += `${error}\n`;
        resolve(-1);
      });
      this.process.on("exit", (code, signal) => resolve(signal ?? code));
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.setEncoding("utf8");
      stream.on("data", (text) => (this.output += text));
    }
    this.name = `${command} ${args.join(" ")}`;
  }

  get running() {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  async end(signal = "SIGTERM") {
    if (this.running) this.process.kill(signal);
    const late = setTimeout(() => this.process.kill("SIGKILL"), 10_000);
    const code = await this.exited;
    clearTimeout(late);
    return code;
  }
}

/** `drumline serve` on a data folder; ports of 0 are any. `more` is further
 * options. Gives { child, ready }, the line of --json. */
export async function startServer(binary, data, port, adminPort, more = []) {
  const child = new Child(binary, [
    "serve", "--data", data, "--port", String(port), "--admin-port", String(adminPort), "--json", ...more,
  ]);
  const ready = await until(
    `the server's ready line from "${child.name}"`,
    () => {
      if (!child.running) assert.fail(`the server ended:\n${child.output}`);
      const lines = child.output.split("\n").filter((line) => line.startsWith("{") && line.includes('"ready"'));
      return lines.map((line) => JSON.parse(line)).find((line) => line.event === "ready");
    },
    30_000,
  );
  return { child, ready };
}
