// dist/index.js: the SDK as one ES module, for Node and for pages without a bundler.
import { build } from "esbuild";
import { fileURLToPath } from "node:url";
import { generate } from "./generate.mjs";

generate();
await build({
  absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
  entryPoints: ["src/index.ts"],
  outfile: "dist/index.js",
  bundle: true,
  format: "esm",
  target: "es2021",
  sourcemap: true,
  logLevel: "warning",
});
