// Everybody on the map in one draw call: WebGL 2, a point for each. (Instances would do as well
// on a graphics card; in software each costs as much as a draw call.) Where there is no WebGL 2,
// the same with a 2D canvas, slower, plainer and without the heat map.
import type { Camera } from "./camera";
import type { Density } from "./density";
import { makeProgram, type Program } from "./gl";
import { HeatMap } from "./heat-map";

export const enum Shape {
  player = 0,
  pickup = 1,
  speck = 2,
  fallen = 3,
}

/** What is drawn next, filled anew for each frame. Positions are map units, sizes CSS pixels. */
export class Bodies {
  /** x, y, angle, size, shape; then colour and halo, four bytes each. */
  static readonly WORDS = 7;
  count = 0;
  floats = new Float32Array(1024 * Bodies.WORDS);
  colors = new Uint32Array(this.floats.buffer);

  clear(): void {
    this.count = 0;
  }

  /** `color`, `halo`: as gl.ts packs them; a halo of 0 is none. */
  add(x: number, y: number, angle: number, size: number, shape: Shape, color: number, halo = 0): void {
    const at = this.count * Bodies.WORDS;
    if (at === this.floats.length) this.grow();
    const { floats, colors } = this;
    floats[at] = x;
    floats[at + 1] = y;
    floats[at + 2] = angle;
    floats[at + 3] = size;
    floats[at + 4] = shape;
    colors[at + 5] = color;
    colors[at + 6] = halo;
    this.count++;
  }

  private grow(): void {
    const larger = new Float32Array(this.floats.length * 2);
    larger.set(this.floats);
    this.floats = larger;
    this.colors = new Uint32Array(larger.buffer);
  }
}

export interface Crowd {
  /** False: no density is ever shown. */
  readonly hasHeat: boolean;
  resize(camera: Camera, ratio: number): void;
  /** `dots`: so far away that shapes cannot be told; `density`: shown under the bodies. */
  draw(bodies: Bodies, camera: Camera, dots: boolean, density: Density | null): void;
}

export function makeCrowd(canvas: HTMLCanvasElement): Crowd {
  const gl = canvas.getContext("webgl2", { alpha: true, antialias: false, depth: false, powerPreference: "high-performance" });
  return gl ? new GlCrowd(canvas, gl) : new PlainCrowd(canvas);
}

/** Points whose middle is outside the viewport are not drawn, so it is larger than the canvas by so
 * many CSS pixels on each side: more than any body's radius. */
const MARGIN = 100;

const INPUTS = `
layout(location = 0) in vec2 place;
layout(location = 1) in float angle;
layout(location = 2) in float size;
layout(location = 3) in float shape;
layout(location = 4) in vec4 color;
layout(location = 5) in vec4 halo;
uniform vec3 view;    // the map position in the middle, pixels a map unit
uniform vec3 window;  // CSS pixels of the viewport, and device pixels in one of them
vec4 placed() { return vec4((place - view.xy) * view.z / window.xy * vec2(2.0, -2.0), 0.0, 1.0); }
flat out vec4 ink;
`;

const VERTEX = `${INPUTS}
flat out vec4 ring;
flat out vec2 nose;   // where it points to
flat out float kind;
flat out float pixel; // in sizes
flat out float reach; // how far the shape reaches, in sizes
void main() {
  pixel = 1.0 / (size * window.z);
  reach = (shape == 0.0 ? 1.55 : shape == 1.0 ? 2.0 : shape == 2.0 ? 1.0 : 0.62) + pixel;
  nose = vec2(cos(angle), sin(angle));
  ink = color;
  ring = halo;
  kind = shape;
  gl_Position = placed();
  gl_PointSize = 2.0 * reach / pixel;
}`;

const FRAGMENT = `
flat in vec4 ink;
flat in vec4 ring;
flat in vec2 nose;
flat in float kind;
flat in float pixel;
flat in float reach;
out vec4 result;
vec2 upright;  // from the middle, in sizes
// Of a pixel at that distance from the edge, how much is inside.
float inside(float distance) { return clamp(0.5 - distance / pixel, 0.0, 1.0); }
vec4 over(vec4 top, vec4 below) { return top + below * (1.0 - top.a); }
vec4 paint(vec3 rgb, float alpha) { return vec4(rgb * alpha, alpha); }
vec4 player() {
  // With the nose to the right.
  vec2 turned = vec2(dot(upright, nose), nose.x * upright.y - nose.y * upright.x);
  float disc = length(turned) - 1.0;
  float wedge = max(dot(vec2(turned.x - 1.55, abs(turned.y)), vec2(0.62, 0.785)), 0.5 - turned.x);
  float edge = min(disc, wedge);
  vec3 body = ink.rgb * mix(1.22, 0.72, smoothstep(0.1, 1.4, length(upright + 0.3)));
  // So far away that a rim would be all there is, there is none.
  float rim = inside(-edge - 0.14) * (1.0 - smoothstep(0.2, 0.4, pixel));
  vec4 result = paint(mix(body, ink.rgb * 0.2, rim), inside(edge) * ink.a);
  return over(paint(ring.rgb, inside(abs(length(turned) - 1.42) - 0.1) * ring.a), result);
}
vec4 pickup() {
  float diamond = inside((abs(upright.x) + abs(upright.y) - 1.0) * 0.7071);
  return over(paint(ink.rgb, diamond * ink.a), paint(ink.rgb, inside(length(upright) - 2.0) * ink.a * 0.18));
}
vec4 fallen() {
  vec2 at = abs(upright);
  float arms = max(abs(at.x - at.y) * 0.7071 - 0.13, max(at.x, at.y) - 0.62);
  return paint(ink.rgb, inside(arms) * ink.a);
}
void main() {
  upright = (gl_PointCoord * 2.0 - 1.0) * reach;
  if (kind == 0.0) result = player();
  else if (kind == 1.0) result = pickup();
  else if (kind == 2.0) result = paint(ink.rgb, inside(max(abs(upright.x), abs(upright.y)) - 1.0) * ink.a);
  else result = fallen();
  if (result.a == 0.0) discard;
}`;

/** A dot costs a tenth of a shape. */
const DOT_VERTEX = `${INPUTS}
flat out float radius;  // device pixels
void main() {
  radius = size * window.z + 0.5;
  ink = vec4(color.rgb * color.a, color.a);
  gl_Position = placed();
  gl_PointSize = 2.0 * radius;
}`;

const DOT_FRAGMENT = `
flat in vec4 ink;
flat in float radius;
out vec4 result;
void main() { result = ink * clamp(radius * (1.0 - length(gl_PointCoord * 2.0 - 1.0)), 0.0, 1.0); }`;

class GlCrowd implements Crowd {
  readonly hasHeat = true;
  private shapes!: Program;
  private dots!: Program;
  private vertices!: WebGLVertexArrayObject;
  private buffer!: WebGLBuffer;
  private heat!: HeatMap;
  private bufferBytes = 0;
  private ratio = 1;

  constructor(private readonly canvas: HTMLCanvasElement, private readonly gl: WebGL2RenderingContext) {
    this.setUp();
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => this.setUp());
  }

  private setUp(): void {
    const { gl } = this;
    this.shapes = makeProgram(gl, VERTEX, FRAGMENT);
    this.dots = makeProgram(gl, DOT_VERTEX, DOT_FRAGMENT);
    this.heat = new HeatMap(gl);
    this.vertices = gl.createVertexArray()!;
    this.buffer = gl.createBuffer()!;
    this.bufferBytes = 0;
    gl.bindVertexArray(this.vertices);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    const stride = Bodies.WORDS * 4;
    const layout: Array<[count: number, type: number, word: number]> = [
      [2, gl.FLOAT, 0],
      [1, gl.FLOAT, 2],
      [1, gl.FLOAT, 3],
      [1, gl.FLOAT, 4],
      [4, gl.UNSIGNED_BYTE, 5],
      [4, gl.UNSIGNED_BYTE, 6],
    ];
    layout.forEach(([count, type, word], location) => {
      gl.enableVertexAttribArray(location);
      gl.vertexAttribPointer(location, count, type, type === gl.UNSIGNED_BYTE, stride, word * 4);
    });
    gl.bindVertexArray(null);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  }

  resize(camera: Camera, ratio: number): void {
    this.ratio = ratio;
    this.canvas.width = Math.round(camera.width * ratio);
    this.canvas.height = Math.round(camera.height * ratio);
  }

  draw(bodies: Bodies, camera: Camera, dots: boolean, density: Density | null): void {
    const { gl } = this;
    const { ratio } = this;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (density) this.heat.draw(density, camera);
    if (bodies.count === 0) return;
    gl.bindVertexArray(this.vertices);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffer);
    if (this.bufferBytes !== bodies.floats.byteLength) {
      this.bufferBytes = bodies.floats.byteLength;
      gl.bufferData(gl.ARRAY_BUFFER, this.bufferBytes, gl.STREAM_DRAW);
    }
    gl.bufferSubData(gl.ARRAY_BUFFER, 0, bodies.floats, 0, bodies.count * Bodies.WORDS);
    const { program, uniform } = dots ? this.dots : this.shapes;
    gl.useProgram(program);
    gl.uniform3f(uniform("view"), camera.x, camera.y, camera.scale);
    gl.uniform3f(uniform("window"), camera.width + 2 * MARGIN, camera.height + 2 * MARGIN, ratio);
    const margin = Math.round(MARGIN * ratio);
    gl.viewport(-margin, -margin, this.canvas.width + 2 * margin, this.canvas.height + 2 * margin);
    gl.drawArrays(gl.POINTS, 0, bodies.count);
    gl.bindVertexArray(null);
  }
}

class PlainCrowd implements Crowd {
  readonly hasHeat = false;
  private readonly g: CanvasRenderingContext2D;
  private ratio = 1;

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.g = canvas.getContext("2d")!;
  }

  resize(camera: Camera, ratio: number): void {
    this.ratio = ratio;
    this.canvas.width = Math.round(camera.width * ratio);
    this.canvas.height = Math.round(camera.height * ratio);
  }

  draw({ floats, colors, count }: Bodies, camera: Camera): void {
    const { g } = this;
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.clearRect(0, 0, camera.width, camera.height);
    for (let i = 0, at = 0; i < count; i++, at += Bodies.WORDS) {
      const color = colors[at + 5];
      const [x, y] = [camera.screenX(floats[at]), camera.screenY(floats[at + 1])];
      const [angle, size, shape] = [floats[at + 2], floats[at + 3], floats[at + 4]];
      g.fillStyle = `rgba(${color & 0xff},${(color >> 8) & 0xff},${(color >> 16) & 0xff},${(color >>> 24) / 255})`;
      if (shape !== Shape.player || size < 3) {
        const half = size * (shape === Shape.player ? 0.9 : 0.7);
        g.fillRect(x - half, y - half, half * 2, half * 2);
        continue;
      }
      g.beginPath();
      g.arc(x, y, size, angle + 0.62, angle - 0.62);
      g.lineTo(x + Math.cos(angle) * size * 1.55, y + Math.sin(angle) * size * 1.55);
      g.fill();
    }
  }
}
