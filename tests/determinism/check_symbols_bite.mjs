// Each planted violation must be caught, for what the first line of its source says;
// the innocent one must pass.
//
//   check_symbols_bite.mjs FOLDER_OF_SOURCES OBJECT…
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

const [folder, ...objects] = process.argv.slice(2);
const check = fileURLToPath(new URL("check_symbols.mjs", import.meta.url));
let failed = 0;
const complain = (sentence) => {
  console.error(sentence);
  failed++;
};

if (objects.length !== readdirSync(folder).length) complain("not every planted source was built");
for (const object of objects) {
  const source = basename(object).replace(/\.o$/, "");
  const text = readFileSync(`${folder}/${source}`, "utf8");
  const expected = /^\/\/ Caught as: (.+)\n/.exec(text)?.[1];
  const begin = text.includes("PlantedRules") ? ["--rules", "drumline::planted::PlantedRules"] : ["--root", "^drumline::planted::step\\("];
  const { status, stderr, stdout } = spawnSync(process.execPath, [check, ...begin, object], { encoding: "utf8" });
  const caught = expected === "nothing" ? status === 0 && stderr === "" : status === 1 && stderr.includes(expected);
  if (!caught) complain(`${source}: expected "${expected}", got:\n${stdout}${stderr}`);
}
if (failed > 0) process.exit(1);
console.log(`determinism: ${objects.length - 1} planted violations are caught`);
