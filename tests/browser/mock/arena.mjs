// A pretended arena: enough movement, blows and deaths to look at.

export const SCHEMA = [
  {
    index: 0,
    name: "player",
    fields: [
      { name: "x", bits: 18, shift: 11, isSigned: true, isFixed: true, role: 1 },
      { name: "y", bits: 18, shift: 11, isSigned: true, isFixed: true, role: 2 },
      { name: "heading", bits: 7, shift: 9, isSigned: false, isFixed: false, role: 0 },
      { name: "health", bits: 8, shift: 8, isSigned: false, isFixed: false, role: 0 },
      { name: "flags", bits: 8, shift: 0, isSigned: false, isFixed: false, role: 0 },
      { name: "score", bits: 12, shift: 0, isSigned: false, isFixed: false, role: 0 },
    ],
  },
  {
    index: 1,
    name: "pickup",
    fields: [
      { name: "x", bits: 18, shift: 11, isSigned: true, isFixed: true, role: 1 },
      { name: "y", bits: 18, shift: 11, isSigned: true, isFixed: true, role: 2 },
      { name: "kind", bits: 2, shift: 0, isSigned: false, isFixed: false, role: 0 },
    ],
  },
];
export const EVENT_NAMES = ["melee", "shot", "hit", "miss", "death", "spawn", "dash", "ward", "blast", "pickup"];
const [MELEE, SHOT, HIT, , DEATH, SPAWN, DASH, WARD, BLAST, PICKUP] = EVENT_NAMES.keys();
const COOLDOWNS_S = [4, 12, 9];
const SPEED = 6 * 0.016;

export const idOf = (table, { generation, slot }) => (BigInt(table) << 56n) | (BigInt(generation) << 32n) | BigInt(slot);

export class PretendedArena {
  tick = 0;
  events = [];
  orders = [];
  players = [];
  pickups = [];
  obstacles = [];

  constructor(seats) {
    this.size = Math.round(Math.sqrt(Math.max(seats, 40) * 576));
    let seed = 12345;
    this.random = () => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return seed / 2 ** 32;
    };
    for (let i = 0; i < (this.size * this.size) / 1500; i++) {
      const circle = this.random() < 0.5;
      const halfWidth = 1 + this.random() * 5;
      this.obstacles.push({
        circle,
        x: this.random() * this.size,
        y: this.random() * this.size,
        halfWidth,
        halfHeight: circle ? halfWidth : 1 + this.random() * 5,
      });
    }
    this.obstacles.sort((a, b) => Math.round(a.x * 8) - Math.round(b.x * 8));
    for (let i = 0; i < (this.size * this.size) / 1800; i++) {
      this.pickups.push({ slot: i, generation: 1, x: this.random() * this.size, y: this.random() * this.size, kind: i % 3 });
    }
    for (let i = 0; i < seats; i++) this.join(`bot ${String(i).padStart(3, "0")}`, true);
  }

  description() {
    const bytes = new Uint8Array(31 + this.obstacles.length * 9);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 0x4d524144, true);
    view.setUint8(4, 1);
    [100, 500, 2200, 22000, 26000, 5000, 500, 450, 4000, 12000, 9000, 6000, this.obstacles.length].forEach((number, i) =>
      view.setUint16(5 + i * 2, number, true),
    );
    this.obstacles.forEach(({ circle, x, y, halfWidth, halfHeight }, i) => {
      const at = 31 + i * 9;
      view.setUint8(at, circle ? 0 : 1);
      [x, y, halfWidth, halfHeight].forEach((number, n) => view.setUint16(at + 1 + n * 2, number * 8, true));
    });
    return bytes;
  }

  join(name, bot = false) {
    let slot = this.players.findIndex((player) => !player);
    if (slot < 0) slot = this.players.length;
    const player = { slot, generation: 1, name, bot, x: 0, y: 0, angle: 0, dx: 0, dy: 0, health: 100, score: 0, respawn: 0, command: 0, ready: [0, 0, 0], ward: 0, attack: 0 };
    this.players[slot] = player;
    this.spawn(player);
    return player;
  }

  spawn(player) {
    player.x = 4 + this.random() * (this.size - 8);
    player.y = 4 + this.random() * (this.size - 8);
    player.health = 100;
    player.respawn = 0;
    this.emit(SPAWN, player, null);
  }

  emit(kind, source, target, a = 0, b = 0, at = source) {
    this.events.push({ tick: this.tick, number: this.events.length & 0xff, kind, source: source ? idOf(0, source) : 0n, target: target ? idOf(0, target) : 0n, x: at.x, y: at.y, a, b });
  }

  hurt(source, target, damage) {
    if (target.respawn) return;
    target.health = Math.max(0, target.health - damage);
    this.emit(HIT, source, target, damage, target.health, target);
    if (target.health > 0) return;
    target.respawn = this.tick + 188;
    target.dx = target.dy = 0;
    source.score += 10;
    this.emit(DEATH, source, target, 0, 0, target);
  }

  /** Takes effect in the next step. */
  order(what) {
    this.orders.push(what);
  }

  command(player, { action, x, y, skill, target }) {
    if (player.respawn) return;
    const angle = Math.atan2(y, x);
    if (action === 1) [player.dx, player.dy] = [x / 32767, y / 32767];
    if (action === 3) player.angle = angle;
    if (action === 0) this.attack(player, target, angle);
    if (action === 2 && this.tick >= player.ready[skill]) {
      player.ready[skill] = this.tick + COOLDOWNS_S[skill] / 0.016;
      if (skill === 0) {
        player.x += Math.cos(angle) * 4;
        player.y += Math.sin(angle) * 4;
        this.emit(DASH, player, null);
      } else if (skill === 1) {
        player.health = Math.min(100, player.health + 25);
        player.ward = this.tick + 188;
        this.emit(WARD, player, null, 25);
      } else {
        this.emit(BLAST, player, null, 160);
        for (const other of this.near(player, 5)) this.hurt(player, other, 30);
      }
    }
  }

  attack(player, target, angle) {
    if (this.tick < player.attack) return;
    player.attack = this.tick + 30;
    if (target) {
      this.emit(MELEE, player, target);
      this.hurt(player, target, 18);
    } else {
      this.emit(SHOT, player, null, Math.round((((angle / (2 * Math.PI)) % 1) + 1) * 65536) % 65536, 22 * 32);
    }
  }

  *near(player, range) {
    for (const other of this.players) {
      if (other && other !== player && !other.respawn && Math.hypot(other.x - player.x, other.y - player.y) < range) yield other;
    }
  }

  step() {
    this.tick++;
    this.events = [];
    for (const what of this.orders.splice(0)) what();
    for (const player of this.players) {
      if (!player) continue;
      if (player.respawn) {
        if (this.tick >= player.respawn) this.spawn(player);
        continue;
      }
      if (player.bot) this.think(player);
      player.x = Math.min(this.size - 1, Math.max(1, player.x + player.dx * SPEED));
      player.y = Math.min(this.size - 1, Math.max(1, player.y + player.dy * SPEED));
      if (this.tick % 16 === 0) player.health = Math.min(100, player.health + 1);
      for (const pickup of this.pickups) {
        if (Math.hypot(pickup.x - player.x, pickup.y - player.y) > 1.1) continue;
        this.emit(PICKUP, player, null, pickup.kind);
        player.score++;
        pickup.generation++;
        [pickup.x, pickup.y] = [this.random() * this.size, this.random() * this.size];
      }
    }
  }

  think(player) {
    if ((this.tick + player.slot * 7) % 40 !== 0) return;
    let foe;
    let nearest = 16;
    for (const other of this.near(player, 16)) {
      const distance = Math.hypot(other.x - player.x, other.y - player.y);
      if (distance < nearest) [foe, nearest] = [other, distance];
    }
    if (foe && this.random() < 0.75) {
      player.angle = Math.atan2(foe.y - player.y, foe.x - player.x);
      const x = Math.cos(player.angle) * 32767;
      const y = Math.sin(player.angle) * 32767;
      [player.dx, player.dy] = nearest > 2 ? [x / 32767, y / 32767] : [0, 0];
      this.attack(player, nearest < 2.2 ? foe : undefined, player.angle);
      if (nearest >= 2.2 && this.random() < 0.5) this.hurt(player, foe, 11);
      if (this.random() < 0.05) this.command(player, { action: 2, skill: nearest < 5 ? 2 : 1, x, y });
    } else if (this.random() < 0.5) {
      player.angle = this.random() * 2 * Math.PI;
      [player.dx, player.dy] = [Math.cos(player.angle), Math.sin(player.angle)];
    }
  }

  /** Quantised entities by table, of those whose place is wanted. */
  entities(wanted = () => true) {
    const place = (value) => Math.round(value * 32) & 0x3ffff;
    return [
      this.players.filter((p) => p && wanted(p.x, p.y)).map((p) => ({
        slot: p.slot,
        generation: p.generation,
        values: [
          place(p.x),
          place(p.y),
          Math.round((p.angle / (2 * Math.PI)) * 128) & 127,
          p.health,
          (p.respawn ? 1 : 0) | (p.ward > this.tick ? 32 : 0),
          Math.min(4095, p.score),
        ],
      })),
      this.pickups.filter((p) => wanted(p.x, p.y)).map((p) => ({ slot: p.slot, generation: p.generation, values: [place(p.x), place(p.y), p.kind] })),
    ];
  }
}

/** So many players that none can look for another: each runs about one of a few places. */
export class PretendedCrowd extends PretendedArena {
  standing = false; // nobody moves

  constructor(seats) {
    super(seats);
    this.places = Array.from({ length: 7 }, () => ({
      x: (0.15 + 0.7 * this.random()) * this.size,
      y: (0.15 + 0.7 * this.random()) * this.size,
      reach: (0.03 + 0.1 * this.random()) * this.size,
    }));
    for (const player of this.players) {
      // Half of them roam all over the map.
      player.home = this.random() < 0.5 ? null : this.places[player.slot % this.places.length];
      if (!player.home) continue;
      const angle = this.random() * 2 * Math.PI;
      const distance = player.home.reach * Math.sqrt(-2 * Math.log(1 - this.random()));
      player.x = Math.min(this.size - 1, Math.max(1, player.home.x + Math.cos(angle) * distance));
      player.y = Math.min(this.size - 1, Math.max(1, player.home.y + Math.sin(angle) * distance));
    }
  }

  step() {
    this.tick++;
    this.events = [];
    for (const what of this.orders.splice(0)) what();
    if (this.standing) return;
    for (const player of this.players) {
      if (!player) continue;
      if ((this.tick + player.slot * 7) % 60 === 0) this.turn(player);
      player.x = Math.min(this.size - 1, Math.max(1, player.x + player.dx * SPEED));
      player.y = Math.min(this.size - 1, Math.max(1, player.y + player.dy * SPEED));
    }
  }

  turn(player) {
    const { home } = player;
    const far = home && Math.hypot(home.x - player.x, home.y - player.y) > home.reach * 2.5;
    player.angle = far ? Math.atan2(home.y - player.y, home.x - player.x) : this.random() * 2 * Math.PI;
    [player.dx, player.dy] = [Math.cos(player.angle), Math.sin(player.angle)];
  }
}
