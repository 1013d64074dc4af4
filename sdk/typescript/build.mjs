// dist/index.js: the SDK as one ES module, for Node and for pages without a bundler.
// dist/wire.js, dist/crc32c.js: for tests that play the server or write recordings.
import { build } from "esbuild";
import { fileURLToPath } from "node:url";
import { generate } from "./generate.mjs";

generate();
await build({
  absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
  entryPoints: { index: "src/index.ts", wire: "test/wire.ts", crc32c: "src/crc32c.ts" },
  outdir: "dist",
  bundle: true,
  format: "esm",
  target: "es2021",
  sourcemap: true,
  logLevel: "warning",
});
