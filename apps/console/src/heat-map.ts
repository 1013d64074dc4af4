// A density as colours on the ground.
import type { Camera } from "./camera";
import type { Density } from "./density";
import { makeProgram, type Program } from "./gl";

/** From sparse to crowded; the legend shows the same. */
export const RAMP = ["#1d1147", "#5b1a7d", "#a52c60", "#e8563a", "#fb9b1d", "#fcf3a0"];

const VERTEX = `
uniform vec3 view;
uniform vec2 window;
uniform vec2 size;
out vec2 share;
void main() {
  share = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  gl_Position = vec4((share * size - view.xy) * view.z / window * vec2(2.0, -2.0), 0.0, 1.0);
}`;

const FRAGMENT = `
in vec2 share;
uniform sampler2D colors;
out vec4 result;
void main() { result = texture(colors, share); }`;

/** Where it is densest, so much of the ground is covered; where it is sparse, nothing. */
const MOST_OPAQUE = 0.78;
const SPARSE = 0.02;
const DENSE = 0.3;

/** By a density's texel: the colour, its alpha multiplied in. */
function makeColors(): Uint32Array {
  const stops = RAMP.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return Uint32Array.from({ length: 256 }, (_, texel) => {
    const place = (texel / 255) * (stops.length - 1);
    const below = Math.min(Math.floor(place), stops.length - 2);
    const share = Math.max(0, Math.min(1, (texel / 255 - SPARSE) / (DENSE - SPARSE)));
    const alpha = share * share * (3 - 2 * share) * MOST_OPAQUE;
    const [red, green, blue] = stops[below].map((from, i) =>
      Math.round((from + (stops[below + 1][i] - from) * (place - below)) * alpha),
    );
    return ((Math.round(alpha * 255) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  });
}

export class HeatMap {
  private readonly program: Program;
  private readonly texture: WebGLTexture;
  private readonly colors = makeColors();
  private pixels = new Uint32Array(0);
  private version = -1;

  constructor(private readonly gl: WebGL2RenderingContext) {
    this.program = makeProgram(gl, VERTEX, FRAGMENT);
    this.texture = gl.createTexture()!;
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    for (const [name, value] of [
      [gl.TEXTURE_MIN_FILTER, gl.LINEAR],
      [gl.TEXTURE_MAG_FILTER, gl.LINEAR],
      [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE],
      [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
    ]) {
      gl.texParameteri(gl.TEXTURE_2D, name, value);
    }
  }

  draw(density: Density, camera: Camera): void {
    const { gl, program } = this;
    if (density.columns === 0) return;
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    if (this.version !== density.version) {
      this.version = density.version;
      const { columns, rows, texels } = density;
      if (this.pixels.length !== texels.length) this.pixels = new Uint32Array(texels.length);
      texels.forEach((texel, i) => (this.pixels[i] = this.colors[texel]));
      const bytes = new Uint8Array(this.pixels.buffer);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, columns, rows, 0, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    }
    gl.useProgram(program.program);
    gl.uniform3f(program.uniform("view"), camera.x, camera.y, camera.scale);
    gl.uniform2f(program.uniform("window"), camera.width, camera.height);
    gl.uniform2f(program.uniform("size"), density.width, density.height);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }
}
