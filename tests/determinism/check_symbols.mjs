#!/usr/bin/env node
// The simulation cannot cheat: proved from the object code that is linked into every
// program, not from its words.
//
//   check_symbols.mjs [--root REGEX] [--rules REGEX] [--dispatch REGEX] [--cut NAME]
//                     [--text LIBRARY] LIBRARY…
//
// LIBRARY are archives or objects, compiled with -ffunction-sections and
// -fdata-sections for x86-64. They must need nothing from outside but what
// kAllowedOutside names, hold no variable that outlives a call, no container whose
// order is a hash's or an address's, and no instruction that computes in floating
// point or asks the processor what no two machines answer alike. --text LIBRARY reads
// documents when a battle is created, by streams that know numbers with fractions; it
// is excused from all that, but a step must not reach it.
//
// A step begins at the functions whose names match a --root, and at the virtual
// functions of the classes that match a --rules, but for kNotInStep; each must match some.
// From there every call and every address that is taken is followed, but not into a
// function that --cut names. What is reached must need nothing from outside but
// kAllowedInStep, so no allocator and no exception; and only what matches --dispatch
// may call through pointers, as nobody can follow there: what it calls must be such a
// beginning.
import { execFileSync } from "node:child_process";
import { basename } from "node:path";

/** Moves bytes and computes integers. */
const kAllowedInStep =
  /^(mem(cpy|move|set|cmp)|strlen|__(u?div|u?mod)(ti|di)3|_GLOBAL_OFFSET_TABLE_|drumline::assertion_failed\(.*\))$/;
/** What making and freeing a battle takes besides: memory, strings, exceptions that end it. */
const kAllowedOutside = [
  kAllowedInStep,
  /^operator (new|delete)(\[\])?\(/,
  /^std::nothrow$/,
  /^std::__throw_\w+\(/,
  /^(__cxa_(allocate_exception|free_exception|throw|rethrow|begin_catch|end_catch|guard_(acquire|release|abort)|atexit|pure_virtual)|__gxx_personality_v0|_Unwind_Resume|__dso_handle)$/,
  /^(vtable for __cxxabiv1::|(typeinfo|vtable) for std::|std::\w+::~\w+\(\)|std::terminate\(\))/,
  /^std::_Rb_tree_(insert_and_rebalance|rebalance_for_erase|increment|decrement)\(/,
  /^std::__cxx11::basic_string</,
  /^std::__detail::_List_node_base::/,
];
/** Of world::Rules: called when a battle is made, freed or asked, not in a tick. */
const kNotInStep = /::(~\w+|on_create|on_dispose|on_ask)\(/;
/** For the sentence only: whatever is not allowed is refused. */
const kKinds = [
  ["allocator", /^(operator (new|delete)|(m|c|re|aligned_)alloc$|free$|posix_memalign$)/],
  ["clock", /^(std::chrono|.*(clock|time|sleep)(_|$|r$|64$))/],
  ["randomness", /^(std::random_device|.*rand(om|48)?(_r)?$|getentropy$|arc4random)/],
  ["hash-ordered container", /^std::(__detail::_Prime_rehash_policy|_Hash_bytes|tr1::)/],
  ["threads", /^(pthread_|thrd_|std::(thread|this_thread|condition_variable|mutex|__atomic)|__tls_get_addr|sched_)/],
  ["exception", /^(__cxa_|_Unwind_|std::__throw_)/],
  [
    "mathematics in floating point",
    /^((a?(sin|cos|tan)h?|atan2|sincos|exp(2|10|m1)?|log(10|2|1p|b)?|pow|sqrt|cbrt|hypot|fmod|remainder|fma|ceil|floor|round|trunc|l?l?r(ound|int)|nearbyint|ldexp|frexp|modf)[fl]?|__\w+[sdtx]f\d?)$/,
  ],
  ["the world outside", /^(f?open(at)?|socket|connect|send\w*|recv\w*|(f?read|f?write|f?printf)\w*|getenv|system|fork|exec\w+|std::\w*stream|std::cout|std::cerr)/],
];
/** Declared by the library's own templates, wherever their code went. */
const kUnorderedTypes = [
  ["hash-ordered container", /\bstd::(_Hashtable|__detail::_(Hash_node|Map_base|Insert|Hashtable)|unordered_)/],
  ["container ordered by addresses", /\bstd::(_Rb_tree|map|set|multimap|multiset)<[^,<>()]*\*( const)?,/],
];
/** What must not be among the instructions, by mnemonic. */
const kInstructions = [
  ["clock", /^(rdtscp?|rdpmc)$/],
  ["randomness", /^(rdrand|rdseed)$/],
  ["the world outside", /^(syscall|sysenter|int|cpuid|rdpid|xgetbv|in[bwl]?|out[bwl]?)$/],
  // Arithmetic, comparison and conversion; moves are not among them, as compilers use them for integers.
  [
    "floating-point arithmetic",
    /^(v?(add|sub|mul|div|sqrt|min|max|rcp|rcp14|rcp28|rsqrt|rsqrt14|round|hadd|hsub|addsub|dp|u?comi|cmp\w*|getexp|getmant|scalef|fixupimm|range|reduce|rndscale)[sp][sdh]|v?cvt\w+|vfn?m(add|sub)\w+|f\w+)$/,
  ],
];

const options = { root: [], rules: [], dispatch: [], cut: [], text: [], library: [] };
for (let i = 2; i < process.argv.length; i++) {
  const option = /^--(root|rules|dispatch|cut|text)$/.exec(process.argv[i]);
  if (option) options[option[1]].push(process.argv[++i]);
  else options.library.push(process.argv[i]);
}

const run = (command, args, input) => execFileSync(command, args, { input, encoding: "utf8", maxBuffer: 1 << 30 });

/**
 * An object's sections by name, each with the symbols that its relocations name;
 * its symbols; and what it needs from outside.
 */
function readObjects(path) {
  const objects = [];
  let object, section;
  for (const line of run("objdump", ["-trw", path]).split("\n")) {
    const file = /^(\S.*):\s+file format/.exec(line);
    if (file) {
      object = { name: basename(file[1]), path, symbols: new Map(), sections: new Map() };
      objects.push(object);
      continue;
    }
    const symbol = /^[0-9a-f]{16} (.{7}) (\S+)\t([0-9a-f]+)\s+(?:\.(?:hidden|internal|protected) )?(.+)$/.exec(line);
    if (symbol) {
      const [, flags, place, size, name] = symbol;
      const local = flags[0] === "l";
      object.symbols.set(name, { name, section: place, size: parseInt(size, 16), local, kind: flags[6] });
      continue;
    }
    const records = /^RELOCATION RECORDS FOR \[(.*)\]/.exec(line);
    if (records) {
      section = new Map();
      object.sections.set(records[1], section);
      continue;
    }
    const relocation = /^[0-9a-f]{16} (R_\S+)\s+(.+?)([+-]0x[0-9a-f]+)?$/.exec(line);
    if (relocation) section.set(relocation[2], relocation[1]);
  }
  return objects;
}

const libraries = options.library.flatMap(readObjects);
const texts = options.text.flatMap(readObjects);
const objects = [...libraries, ...texts];

// Demangled all at once.
const names = new Set(objects.flatMap((object) => [...object.symbols.keys()]));
const mangled = [...names];
const readable = new Map(run("c++filt", [], mangled.join("\n") + "\n").split("\n").map((name, i) => [mangled[i], name]));
const shown = (name) => readable.get(name) ?? name;

const isDefined = (symbol) => symbol.section !== "*UND*";
const globals = new Map();
for (const object of objects) {
  for (const symbol of object.symbols.values()) {
    if (isDefined(symbol) && !symbol.local && !globals.has(symbol.name)) globals.set(symbol.name, { object, symbol });
  }
}
/** Where a symbol that an object names is defined among the libraries, if it is. */
function find(object, name) {
  const own = object.symbols.get(name);
  if (own && isDefined(own)) return { object, symbol: own };
  return globals.get(name);
}

const failures = new Set();
const kindOf = (name) => kKinds.find(([, pattern]) => pattern.test(name))?.[0] ?? "something from outside";

function checkOutside() {
  for (const object of libraries) {
    for (const symbol of object.symbols.values()) {
      if (isDefined(symbol) || globals.has(symbol.name)) continue;
      const name = shown(symbol.name);
      if (kAllowedOutside.some((pattern) => pattern.test(name))) continue;
      failures.add(`${object.name} needs ${name}: ${kindOf(name)}`);
    }
  }
}

function checkVariables() {
  for (const object of libraries) {
    for (const symbol of object.symbols.values()) {
      const writable = /^\.(t?bss|t?data)(\.|$)|^\*COM\*$/.test(symbol.section) && !/^\.data\.rel\.ro/.test(symbol.section);
      // What a guard guards is looked at itself; an object that is nothing but a
      // pointer to its virtual functions holds no state.
      if (!writable || symbol.size === 0 || /^(_ZGV|DW\.ref\.)/.test(symbol.name)) continue;
      const pointers = [...(object.sections.get(symbol.section)?.keys() ?? [])].map(shown);
      if (symbol.size === 8 && pointers.length === 1 && /^(vtable for|\.data\.rel\.ro\.\S*_ZTV)/.test(pointers[0])) continue;
      failures.add(`${object.name} holds ${shown(symbol.name)}: a variable outside of the world`);
    }
  }
}

function checkContainers() {
  for (const object of libraries) {
    for (const symbol of object.symbols.values()) {
      const kind = kUnorderedTypes.find(([, pattern]) => pattern.test(shown(symbol.name)))?.[0];
      if (kind) failures.add(`${object.name} has ${shown(symbol.name)}: ${kind}`);
    }
  }
}

/** Sections that call through pointers, as sectionKey() names them. */
const dispatchers = new Set();
const sectionKey = (path, object, section) => `${path}(${object})${section}`;

function checkInstructions() {
  for (const path of options.library) {
    let place = "";
    let object = "";
    let section = "";
    for (const line of run("objdump", ["-dw", "--no-show-raw-insn", path]).split("\n")) {
      const label = /^[0-9a-f]+ <(.+)>:$/.exec(line);
      if (label) place = label[1];
      object = /^(\S.*):\s+file format/.exec(line)?.[1] ?? object;
      section = /^Disassembly of section (.+):$/.exec(line)?.[1] ?? section;
      const mnemonic = /^\s+[0-9a-f]+:\t(?:(?:notrack|bnd|rep\w*|lock|data16|cs|ds) )*(\w+)/.exec(line)?.[1];
      const kind = mnemonic && kInstructions.find(([, pattern]) => pattern.test(mnemonic))?.[0];
      if (kind) failures.add(`${basename(object)}, ${shown(place)}: ${mnemonic}: ${kind}`);
      // "jmp *%rax" is what a switch becomes.
      if (/\t(notrack )?(call\s+\*|jmp\s+\*[^%])/.test(line)) dispatchers.add(sectionKey(path, basename(object), section));
    }
  }
}

function checkStep() {
  const cut = new Set(options.cut);
  const cutFound = new Set();
  const clone = / \[clone [^\]]*\]/g;
  const queue = [];
  const reached = new Map();
  const key = (at) => sectionKey(at.object.path, at.object.name, at.symbol.section);
  const dispatch = options.dispatch.map((pattern) => new RegExp(pattern));
  /** A local function is often named by its section only. */
  const nameOf = ({ object, symbol }) => {
    const inSection = [...object.symbols.values()].filter((other) => other.section === symbol.section);
    const named = symbol.kind === "F" ? symbol : (inSection.find((other) => other.kind === "F") ?? symbol);
    return shown(named.name).replace(clone, "");
  };
  const visit = (at, from) => {
    const name = nameOf(at);
    if (cut.has(name)) {
      cutFound.add(name);
      return;
    }
    if (reached.has(key(at))) return;
    const node = { at, from, name };
    reached.set(key(at), node);
    queue.push(node);
  };
  const defined = libraries.flatMap((object) =>
    [...object.symbols.values()].filter(isDefined).map((symbol) => ({ object, symbol })),
  );
  for (const root of options.root) {
    const pattern = new RegExp(root);
    const starts = defined.filter(({ symbol }) => symbol.kind === "F" && pattern.test(shown(symbol.name)));
    if (starts.length === 0) failures.add(`no function matches --root ${root}`);
    for (const start of starts) visit(start);
  }
  for (const rules of options.rules) {
    const pattern = new RegExp(`^vtable for (${rules})$`);
    const tables = defined.filter(({ symbol }) => pattern.test(shown(symbol.name)));
    if (tables.length === 0) failures.add(`no class with virtual functions matches --rules ${rules}`);
    for (const { object, symbol } of tables) {
      for (const name of object.sections.get(symbol.section)?.keys() ?? []) {
        const start = find(object, name);
        if (start?.symbol.section.startsWith(".text") && !kNotInStep.test(nameOf(start))) visit(start);
      }
    }
  }
  const pathTo = (node) => (node ? [...pathTo(node.from), node.name] : []);
  for (let node = queue.shift(); node; node = queue.shift()) {
    const { object, symbol } = node.at;
    if (texts.includes(object)) {
      failures.add(`a step reaches a reader of documents: ${pathTo(node).join(" → ")}`);
      continue;
    }
    if (dispatchers.has(key(node.at)) && !dispatch.some((pattern) => pattern.test(node.name))) {
      failures.add(`a step calls through a pointer, where nobody can follow: ${pathTo(node).join(" → ")}`);
    }
    for (const [name, type] of object.sections.get(symbol.section) ?? []) {
      if (/TLS|TPOFF|DTP/.test(type)) failures.add(`a step has a thread's own variable: ${pathTo(node).join(" → ")}`);
      const next = find(object, name);
      if (next) visit(next, node);
      else if (!kAllowedInStep.test(shown(name))) {
        failures.add(`a step reaches ${shown(name)}: ${kindOf(shown(name))}: ${pathTo(node).join(" → ")}`);
      }
    }
  }
  for (const name of options.cut) if (!cutFound.has(name)) failures.add(`no step reaches --cut ${name}`);
  return [...reached.values()].filter((node) => node.at.symbol.section.startsWith(".text")).length;
}

checkOutside();
checkVariables();
checkContainers();
checkInstructions();
const functions = checkStep();
for (const failure of failures) console.error(`determinism: ${failure}`);
if (failures.size > 0) process.exit(1);
console.log(`determinism: ${libraries.length} objects are clean, and the ${functions} functions that a step reaches allocate nothing`);
