// Makes generated/ from the wire schemas with flatc, when a schema is newer.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const schemas = fileURLToPath(new URL("../../src/wire/schemas/", import.meta.url));
const out = fileURLToPath(new URL("./generated/", import.meta.url));
const stamp = out + ".stamp";

export function generate() {
  const files = readdirSync(schemas).filter((name) => name.endsWith(".fbs")).sort();
  const newest = Math.max(...files.map((name) => statSync(schemas + name).mtimeMs));
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= newest) return;
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const flatc = process.env.FLATC || "flatc";
  try {
    execFileSync(flatc, ["--ts", "-o", out, ...files.map((name) => schemas + name)], { stdio: "inherit" });
  } catch (error) {
    if (error.code === "ENOENT") {
      throw new Error("flatc is not installed: run tools/setup (Debian package flatbuffers-compiler)");
    }
    throw error;
  }
  writeFileSync(stamp, "");
  const seconds = newest / 1000 + 1;
  utimesSync(stamp, seconds, seconds);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) generate();
