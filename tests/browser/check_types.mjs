// Type-checks the TypeScript client and the console page.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { generate } from "../../sdk/typescript/generate.mjs";

generate();
const compiler = createRequire(import.meta.url).resolve("typescript/bin/tsc");
for (const folder of ["sdk/typescript", "apps/console"]) {
  const path = fileURLToPath(new URL(`../../${folder}`, import.meta.url));
  const { status } = spawnSync(process.execPath, [compiler, "--noEmit", "-p", path], { stdio: "inherit" });
  if (status !== 0) {
    console.error(`${folder}: the types do not hold`);
    process.exit(1);
  }
}
