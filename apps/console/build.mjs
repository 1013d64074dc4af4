// The console page (index.html, console.js, console.css), the replay page (replay.…) and the
// duel page (duel.…) in dist/ or in the folder given as the first argument. What they run
// battles with, simulation.wasm, comes from the build (cmake/build_console.cmake).
import { build } from "esbuild";
import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { generate } from "../../sdk/typescript/generate.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = resolve(process.argv[2] ?? here + "dist");
generate();
mkdirSync(out, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: { console: "src/main.ts", replay: "src/replay.ts", duel: "src/duel.ts" },
  outdir: out,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2021",
  legalComments: "none",
  logLevel: "warning",
});
for (const name of readdirSync(here + "public")) copyFileSync(here + "public/" + name, out + "/" + name);
