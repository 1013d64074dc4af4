// The little of WebGL 2 that the map needs.

export interface Program {
  readonly program: WebGLProgram;
  uniform(name: string): WebGLUniformLocation | null;
}

/** Throws with the compiler's words when a shader is wrong. */
export function makeProgram(gl: WebGL2RenderingContext, vertex: string, fragment: string): Program {
  const program = gl.createProgram()!;
  const sources: Array<[number, string]> = [
    [gl.VERTEX_SHADER, vertex],
    [gl.FRAGMENT_SHADER, fragment],
  ];
  const shaders = sources.map(([type, source]) => {
    const shader = gl.createShader(type)!;
    gl.shaderSource(shader, `#version 300 es\nprecision highp float;\n${source}`);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    return shader;
  });
  gl.linkProgram(program);
  // Of a lost context nothing is linked, and nothing is wrong.
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    const words = shaders.map((shader) => gl.getShaderInfoLog(shader) ?? "").join("");
    throw new Error(`a shader is wrong: ${words}${gl.getProgramInfoLog(program)}`);
  }
  const known = new Map<string, WebGLUniformLocation | null>();
  return {
    program,
    uniform(name) {
      if (!known.has(name)) known.set(name, gl.getUniformLocation(program, name));
      return known.get(name)!;
    },
  };
}

/** "#rrggbb" as the four bytes that a vertex attribute wants; `alpha` from 0 to 1. */
export function packColor(hex: string, alpha = 1): number {
  const rgb = parseInt(hex.slice(1), 16);
  return packRgb((rgb >> 16) & 0xff, (rgb >> 8) & 0xff, rgb & 0xff, alpha);
}

const packRgb = (red: number, green: number, blue: number, alpha: number): number =>
  ((Math.round(alpha * 255) << 24) | (blue << 16) | (green << 8) | red) >>> 0;

/** `hue` in degrees; saturation and lightness from 0 to 1. */
export function packHsl(hue: number, saturation: number, lightness: number): number {
  const channel = (n: number): number => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (lightness - saturation * Math.min(lightness, 1 - lightness) * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return packRgb(channel(0), channel(8), channel(4), 1);
}

/** The same colour, `alpha` times as opaque. */
export const fade = (color: number, alpha: number): number =>
  ((color & 0xffffff) | (Math.round((color >>> 24) * alpha) << 24)) >>> 0;
