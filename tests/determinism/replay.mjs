// Replays a recording of determinism_runner (record=FILE) in simulation.wasm and
// prints the lines that the runner prints for battle 0, without the number of
// accepted inputs, which the module does not tell.
//
//   replay.mjs SIMULATION_WASM RECORDING|- EVERY [WORKERS]
//
// With 2 workers the recording is replayed on two threads at once, and both must say
// the same. The recording "-" is read from standard input as it comes.
import { createReadStream, readFileSync } from "node:fs";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { loadSimulation } from "../../sdk/typescript/dist/index.js";

async function* payloads(path) {
  let rest = Buffer.alloc(0);
  for await (const chunk of path === "-" ? process.stdin : createReadStream(path)) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length - at >= 4 && rest.length - at - 4 >= rest.readUInt32LE(at)) {
      const size = rest.readUInt32LE(at);
      yield rest.subarray(at + 4, at + 4 + size);
      at += 4 + size;
    }
    rest = rest.subarray(at);
  }
  if (rest.length !== 0) throw new Error(`${path}: the recording ends within a payload`);
}

const hex = (hash) => hash.toString(16).padStart(16, "0");

/** The lines, and the first tick whose hash is not the recorded one. */
async function replay(wasm, path, every) {
  const module = await loadSimulation(readFileSync(wasm));
  const lines = [];
  let simulation;
  let tick = 0;
  let events = 0;
  let last = "";
  for await (const payload of payloads(path)) {
    if (payload.length === 0) {
      simulation = undefined; // a new battle
      continue;
    }
    if (!simulation) {
      simulation = module.fromParts(payload);
      continue;
    }
    const { hash, recordedHash } = simulation.step(payload);
    tick++;
    events += simulation.events().length;
    last = `0 ${tick} ${hex(hash)} ${events}`;
    if (tick % every === 0) lines.push(last);
    if (hash !== recordedHash) {
      return { lines, difference: `tick ${tick}: ${hex(hash)} here, ${hex(recordedHash)} recorded` };
    }
  }
  if (lines.at(-1) !== last) lines.push(last);
  return { lines };
}

if (isMainThread) {
  const [wasm, path, every, workers = "1"] = process.argv.slice(2);
  const task = { wasm, path, every: Number(every) };
  const results = await Promise.all(
    Array.from({ length: Number(workers) }, (_, i) =>
      i === 0 && workers === "1"
        ? replay(task.wasm, task.path, task.every)
        : new Promise((resolve, reject) => {
            const worker = new Worker(new URL(import.meta.url), { workerData: task });
            worker.once("message", resolve).once("error", reject);
          }),
    ),
  );
  const [first] = results;
  for (const { lines, difference } of results) {
    if (difference) {
      console.error(`replay: the state hashes differ at ${difference}`);
      process.exit(1);
    }
    if (lines.join() !== first.lines.join()) {
      console.error("replay: two threads differ");
      process.exit(1);
    }
  }
  process.stdout.write(first.lines.join("\n") + "\n");
} else {
  parentPort.postMessage(await replay(workerData.wasm, workerData.path, workerData.every));
}
