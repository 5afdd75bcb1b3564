/** Keys moved and mixed on the graphics card: one program, two pictures, everything in a single pass. */

import { BRIGHTEST, mixed, SPILL } from './colours';
import type { Box } from './fit';
import { HEIGHT, WIDTH } from './flash';
import { COARSE, type Composition, lateness, SOFT, smoothstep } from './mix';
import { back, type Motion, RIPPLES } from './motion';
import type { Field, Sheet } from './sheet';

const VERTEX = `#version 300 es
void main() {
  // one triangle that covers everything
  gl_Position = vec4(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0, 0.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D first, second, coloursA, coloursB;
uniform bool fieldA, fieldB;    // whether they are places and lights, not colours
uniform vec2 light;
uniform vec4 backA, backB;      // turn back, then where from: widths
uniform vec2 rippleA, rippleB;  // in phase and in quadrature
uniform vec4 box;               // of the picture in the canvas, pixels
uniform vec2 canvas;
uniform float aspect, share, late, soft, glow, gain;
uniform bool both, crisp;
out vec4 colour;

const float TURN = 6.283185307179586;

vec2 times(vec2 a, vec2 b) { return vec2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x); }

vec2 source(vec2 place, vec4 back, vec2 ripple) {
  vec2 from = times(back.xy, place - back.zw);
  vec2 wave = TURN * ${RIPPLES.toFixed(1)} * from.yx;
  from += ripple.x * sin(wave) + ripple.y * cos(wave);
  return from / vec2(1.0, aspect) + 0.5;
}

// Catmull and Rom's cubic in nine bilinear samples
vec3 cubic(sampler2D picture, vec2 uv) {
  vec2 size = vec2(textureSize(picture, 0));
  vec2 at = uv * size, middle = floor(at - 0.5) + 0.5, f = at - middle;
  vec2 w0 = f * (-0.5 + f * (1.0 - 0.5 * f)), w1 = 1.0 + f * f * (-2.5 + 1.5 * f);
  vec2 w2 = f * (0.5 + f * (2.0 - 1.5 * f)), w3 = f * f * (-0.5 + 0.5 * f);
  vec2 w12 = w1 + w2, p0 = (middle - 1.0) / size, p3 = (middle + 2.0) / size;
  vec2 p12 = (middle + w2 / w12) / size;
  vec3 sum = vec3(0.0);
  sum += textureLod(picture, vec2(p0.x, p0.y), 0.0).rgb * w0.x * w0.y;
  sum += textureLod(picture, vec2(p12.x, p0.y), 0.0).rgb * w12.x * w0.y;
  sum += textureLod(picture, vec2(p3.x, p0.y), 0.0).rgb * w3.x * w0.y;
  sum += textureLod(picture, vec2(p0.x, p12.y), 0.0).rgb * w0.x * w12.y;
  sum += textureLod(picture, p12, 0.0).rgb * w12.x * w12.y;
  sum += textureLod(picture, vec2(p3.x, p12.y), 0.0).rgb * w3.x * w12.y;
  sum += textureLod(picture, vec2(p0.x, p3.y), 0.0).rgb * w0.x * w3.y;
  sum += textureLod(picture, vec2(p12.x, p3.y), 0.0).rgb * w12.x * w3.y;
  sum += textureLod(picture, vec2(p3.x, p3.y), 0.0).rgb * w3.x * w3.y;
  return clamp(sum, 0.0, 1.0);
}

vec3 sharp(sampler2D picture, vec2 uv) {
  return crisp ? cubic(picture, uv) : texture(picture, uv).rgb;
}

// what a place of the palette looks like under a light
vec3 coloured(sampler2D colours, vec2 field) {
  vec3 lit = textureLod(colours, vec2((255.0 * field.x + 0.5) / 256.0, 0.5), 0.0).rgb;
  lit *= ${BRIGHTEST.toFixed(1)} * field.y;
  float most = max(max(lit.r, lit.g), lit.b);
  return min(lit + ${SPILL.toFixed(2)} * max(most - 1.0, 0.0), 1.0);
}

vec3 seenAs(bool field, sampler2D colours, float light, vec3 texel) {
  return light * (field ? coloured(colours, texel.xy) : texel);
}

// even in every neighbourhood, so that dark gradients show no bands (Jimenez 2014)
float dither() {
  return fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715)))) - 0.5;
}

float coarseness(sampler2D picture) {
  ivec2 size = textureSize(picture, 0);
  return max(0.0, log2(float(min(size.x, size.y)) / ${COARSE.toFixed(1)}));
}

float fine(vec2 uv) {
  float turn = 0.5 + 0.25 * (sin(TURN * (1.7 * uv.x + 0.6 * uv.y) + 1.0)
    + sin(TURN * (1.9 * uv.y - 0.9 * uv.x) + 2.3));
  return smoothstep(0.0, 1.0, (late - (1.0 - soft) * turn) / soft);
}

void main() {
  vec2 uv = (vec2(gl_FragCoord.x, canvas.y - gl_FragCoord.y) - box.xy) / box.zw;
  if (any(lessThan(uv, vec2(0.0))) || any(greaterThan(uv, vec2(1.0)))) {
    vec2 all = vec2(gl_FragCoord.x, canvas.y - gl_FragCoord.y) / canvas;
    vec3 far = textureLod(first, all, coarseness(first) + 2.0).rgb;
    colour = vec4(glow * seenAs(fieldA, coloursA, light.x, far), glow > 0.0 ? 1.0 : 0.0);
    return;
  }
  vec2 place = (uv - 0.5) * vec2(1.0, aspect);
  vec2 a = source(place, backA, rippleA);
  vec3 seen;
  if (both) {
    vec2 b = source(place, backB, rippleB);
    float m = fine(uv);
    vec3 one = sharp(first, a), two = sharp(second, b);
    if (fieldA && fieldB) {
      // a field goes over before it is coloured, with the palette between both
      seen = mix(light.x, light.y, m) * coloured(coloursA, mix(one, two, m).xy);
    } else {
      seen = mix(seenAs(fieldA, coloursA, light.x, one), seenAs(fieldB, coloursB, light.y, two), m);
      if (!fieldA && !fieldB) {
        vec3 after = textureLod(second, b, coarseness(second)).rgb;
        seen += (share - m) * (after - textureLod(first, a, coarseness(first)).rgb);
      }
    }
  } else {
    seen = seenAs(fieldA, coloursA, light.x, sharp(first, a));
  }
  seen *= gain;
  if (fieldA) seen += dither() / 255.0;
  colour = vec4(clamp(seen, 0.0, 1.0), 1.0);
}`;

/** The two planes of a field, one above the other in grey, side by side in two channels. */
const JOIN = `#version 300 es
precision highp float;
uniform sampler2D grey;
out vec4 colour;
void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  int rows = textureSize(grey, 0).y / 2;
  colour = vec4(texelFetch(grey, at, 0).r, texelFetch(grey, at + ivec2(0, rows), 0).r, 0.0, 1.0);
}`;

/** the key before, this one, the one on its way, and one that is being let go */
const SLOTS = 4;
const SOFTWARE = /swiftshader|llvmpipe|software|basic render/i;
const NAMES = [
  ...[
    'first',
    'second',
    'backA',
    'backB',
    'rippleA',
    'rippleB',
    'box',
    'canvas',
    'aspect',
    'share',
  ],
  ...[
    'late',
    'soft',
    'glow',
    'both',
    'crisp',
    'coloursA',
    'coloursB',
    'fieldA',
    'fieldB',
    'light',
    'gain',
  ],
] as const;
/** texture units: two pictures, their two palettes, and what is only passing through */
const PALETTES = 2;
const PASSING = 4;

interface Slot {
  texture: WebGLTexture;
  sheet: Sheet | null;
  used: number;
}

export class GlPainter {
  readonly canvas = new OffscreenCanvas(1, 1);
  /** why nothing can be drawn with it; empty while it can */
  why = '';
  private readonly gl: WebGL2RenderingContext | null;
  private readonly at = new Map<string, WebGLUniformLocation | null>();
  private slots: Slot[] = [];
  private clock = 0;
  private program: WebGLProgram | null = null;
  private join: WebGLProgram | null = null;
  private palettes: WebGLTexture[] = [];
  private passing: WebGLTexture | null = null;
  private frame: WebGLFramebuffer | null = null;
  /** what is drawn into, where it is not the canvas */
  private target: WebGLTexture | null = null;
  private small: WebGLTexture | null = null;

  /** `anyway` draws with a renderer that is software, too. */
  constructor(anyway = false) {
    this.gl = this.canvas.getContext('webgl2', {
      alpha: true,
      antialias: false,
      depth: false,
      powerPreference: 'high-performance',
    });
    if (this.gl === null) {
      this.why = 'this browser has no WebGL2';
      return;
    }
    const info = this.gl.getExtension('WEBGL_debug_renderer_info');
    const renderer = String(
      this.gl.getParameter(info?.UNMASKED_RENDERER_WEBGL ?? this.gl.RENDERER) ?? '',
    );
    if (SOFTWARE.test(renderer) && !anyway) {
      this.why = 'the browser has no graphics card to draw with';
      return;
    }
    this.canvas.addEventListener('webglcontextlost', (event) => {
      event.preventDefault();
      if (this.why !== '') return;
      this.why = 'the graphics card was lost';
    });
    this.canvas.addEventListener('webglcontextrestored', () => {
      this.why = '';
      this.begin();
    });
    this.begin();
  }

  /** Draw into the canvas, which gets this size; false where nothing can be drawn. */
  paint(seen: Composition, width: number, height: number, box: Box, glow: number, crisp: boolean) {
    const { gl, canvas } = this;
    if (gl === null || this.why !== '') return false;
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    this.draw(seen, width, height, box, glow, crisp);
    return true;
  }

  /** What it would look like, small: RGBA of WIDTH x HEIGHT, upside down; null where nothing can be drawn. */
  look(seen: Composition, box: Box): Uint8ClampedArray | null {
    const { gl } = this;
    if (gl === null || this.why !== '') return null;
    this.bind(this.small);
    this.draw(seen, WIDTH, HEIGHT, box, 0, false);
    const pixels = this.pixels;
    gl.readPixels(0, 0, WIDTH, HEIGHT, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    this.bind(null);
    return new Uint8ClampedArray(pixels.buffer);
  }

  private readonly pixels = new Uint8Array(4 * WIDTH * HEIGHT);

  private bind(target: WebGLTexture | null): void {
    this.target = target;
    const { gl } = this;
    if (gl === null) return;
    gl.bindFramebuffer(gl.FRAMEBUFFER, target === null ? null : this.frame);
    if (target !== null)
      gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, target, 0);
  }

  private draw(
    seen: Composition,
    width: number,
    height: number,
    box: Box,
    glow: number,
    crisp: boolean,
  ): void {
    const { gl } = this;
    if (gl === null) return;
    this.put(0, seen.first);
    if (seen.second !== null) this.put(1, seen.second);
    gl.viewport(0, 0, width, height);
    const fields = this.colour(seen);
    this.move('A', seen.firstMotion);
    this.move('B', seen.secondMotion);
    gl.uniform4f(this.where('box'), box.x, box.y, box.width, box.height);
    gl.uniform2f(this.where('canvas'), width, height);
    gl.uniform1f(this.where('aspect'), seen.first.height / seen.first.width);
    gl.uniform1f(this.where('share'), smoothstep(seen.share));
    // a field has nothing coarse that could fade before
    gl.uniform1f(this.where('late'), fields ? seen.share : lateness(seen.share));
    gl.uniform1f(this.where('glow'), glow);
    gl.uniform1i(this.where('both'), seen.second === null ? 0 : 1);
    gl.uniform1i(this.where('crisp'), crisp ? 1 : 0);
    gl.uniform1f(this.where('gain'), seen.light ?? 1);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  /** Give the card back: browsers lend out a few at a time. */
  close(): void {
    this.gl?.getExtension('WEBGL_lose_context')?.loseContext();
    this.why = 'it was given back';
  }

  private begin(): void {
    const { gl } = this;
    if (gl === null) return;
    const program = linked(gl, FRAGMENT);
    const join = linked(gl, JOIN);
    if (program === null || join === null) {
      this.why = 'the graphics card refused the program that draws';
      return;
    }
    this.join = join;
    gl.useProgram(join);
    gl.uniform1i(gl.getUniformLocation(join, 'grey'), PASSING);
    this.program = program;
    gl.useProgram(program);
    for (const name of NAMES) this.at.set(name, gl.getUniformLocation(program, name));
    gl.uniform1i(this.where('first'), 0);
    gl.uniform1i(this.where('second'), 1);
    gl.uniform1i(this.where('coloursA'), PALETTES);
    gl.uniform1i(this.where('coloursB'), PALETTES + 1);
    gl.uniform1f(this.where('soft'), SOFT);
    this.slots = Array.from({ length: SLOTS }, () => ({
      texture: texture(gl, gl.MIRRORED_REPEAT, gl.LINEAR_MIPMAP_LINEAR),
      sheet: null,
      used: 0,
    }));
    this.palettes = [0, 1].map(() => texture(gl, gl.CLAMP_TO_EDGE, gl.LINEAR));
    this.passing = texture(gl, gl.CLAMP_TO_EDGE, gl.NEAREST);
    this.small = texture(gl, gl.CLAMP_TO_EDGE, gl.NEAREST);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, WIDTH, HEIGHT, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
    this.frame = gl.createFramebuffer();
  }

  /** Send the palettes to the card; true where all that is seen are fields. */
  private colour({ first, second, share }: Composition): boolean {
    const { gl } = this;
    if (gl === null) return false;
    const [a, b] = [first.field, second?.field];
    gl.uniform1i(this.where('fieldA'), a === undefined ? 0 : 1);
    gl.uniform1i(this.where('fieldB'), b === undefined ? 0 : 1);
    gl.uniform2f(this.where('light'), a?.light ?? 1, b?.light ?? 1);
    const both = a !== undefined && b !== undefined;
    if (a !== undefined) this.palette(0, both ? mixed(a.palette, b.palette, share) : a.palette);
    if (b !== undefined) this.palette(1, b.palette);
    return a !== undefined && (second === null || both);
  }

  private palette(which: 0 | 1, colours: Uint8Array<ArrayBuffer>): void {
    const { gl } = this;
    if (gl === null) return;
    gl.activeTexture(gl.TEXTURE0 + PALETTES + which);
    gl.bindTexture(gl.TEXTURE_2D, this.palettes[which] ?? null);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGB8, 256, 1, 0, gl.RGB, gl.UNSIGNED_BYTE, colours);
  }

  /** A picture is sent to the card once. */
  private put(unit: number, sheet: Sheet): void {
    const { gl } = this;
    if (gl === null) return;
    let slot = this.slots.find((each) => each.sheet === sheet);
    gl.activeTexture(gl.TEXTURE0 + unit);
    if (slot === undefined) {
      slot = this.slots.reduce((oldest, each) => (each.used < oldest.used ? each : oldest));
      gl.bindTexture(gl.TEXTURE_2D, slot.texture);
      if (sheet.field === undefined)
        gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, sheet.image);
      else this.joined(slot.texture, sheet.field);
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, slot.texture);
      gl.generateMipmap(gl.TEXTURE_2D);
      slot.sheet = sheet;
    } else {
      gl.bindTexture(gl.TEXTURE_2D, slot.texture);
    }
    slot.used = ++this.clock;
  }

  /** Both planes of a field in the bound texture. */
  private joined(into: WebGLTexture, { planes, columns, rows }: Field): void {
    const { gl } = this;
    if (gl === null) return;
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RG8, columns, rows, 0, gl.RG, gl.UNSIGNED_BYTE, null);
    gl.activeTexture(gl.TEXTURE0 + PASSING);
    gl.bindTexture(gl.TEXTURE_2D, this.passing);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, planes);
    const { target } = this;
    this.bind(into);
    gl.viewport(0, 0, columns, rows);
    gl.useProgram(this.join);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    this.bind(target);
    gl.useProgram(this.program);
  }

  private move(which: 'A' | 'B', motion: Motion): void {
    const { turn } = back(motion);
    const [x, y] = motion.shift;
    this.gl?.uniform4f(this.where(`back${which}`), turn[0], turn[1], x, y);
    this.gl?.uniform2f(this.where(`ripple${which}`), motion.ripple[0], motion.ripple[1]);
  }

  private where(name: string): WebGLUniformLocation | null {
    return this.at.get(name) ?? null;
  }
}

function linked(gl: WebGL2RenderingContext, fragment: string): WebGLProgram | null {
  const program = gl.createProgram();
  for (const [kind, text] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, fragment],
  ] as const) {
    const shader = gl.createShader(kind);
    if (shader === null) continue;
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
}

function texture(gl: WebGL2RenderingContext, beyond: number, smaller: number): WebGLTexture {
  const made = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, made);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, beyond);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, beyond);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, smaller);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
  return made;
}
