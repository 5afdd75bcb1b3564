/** The instrument that shows what is heard, drawn at the display's own rate. */

import { heard, idle, tapped } from '../state/store';

const TURN = 2 * Math.PI;
const TOP = -TURN / 4;
const GAP = 0.035;
const TAP_SEEN_MS = 450;
/** loudness is relative: 1 is usual, and half of the arc */
const FULL = 2;
const BANDS = [
  { name: 'treble', radius: 0.74 },
  { name: 'mid', radius: 0.62 },
  { name: 'bass', radius: 0.5 },
] as const;
const NOTE_HUES = Array.from({ length: 12 }, (_, i) => (27 + i * 30) % 360);

interface Look {
  ink: string;
  faint: string;
  accent: string;
}

/** Draws until the returned function is called. */
export function drawIris(canvas: HTMLCanvasElement): () => void {
  const context = canvas.getContext('2d');
  if (context === null) return () => undefined;
  // meters fall slowly whatever the rate of the messages
  const level = { treble: 0, mid: 0, bass: 0, onset: 0 };
  const chroma = new Array<number>(12).fill(0);
  let look = colours(canvas);
  let before = performance.now();
  let frame = 0;
  const recolour = setInterval(() => {
    look = colours(canvas);
  }, 500);
  const draw = (now: number): void => {
    frame = requestAnimationFrame(draw);
    if (idle.peek()) return;
    const passed = Math.min(0.1, (now - before) / 1000);
    before = now;
    sharpen(canvas);
    const size = canvas.width / 2;
    context.setTransform(size, 0, 0, size, size, size);
    context.clearRect(-1, -1, 2, 2);
    const news = heard.now;
    const fall = Math.exp(-6 * passed);
    for (const band of ['treble', 'mid', 'bass', 'onset'] as const) {
      level[band] = Math.max(news?.[band] ?? 0, level[band] * fall);
    }
    const loud = (news?.energy ?? 0) > 0.001;
    for (let i = 0; i < 12; i++) {
      const target = loud ? (news?.chroma[i] ?? 0) : 0;
      chroma[i] = (chroma[i] ?? 0) + (target - (chroma[i] ?? 0)) * (1 - fall);
    }
    rim(context, chroma, look);
    bands(context, level, look);
    ring(context, now - tapped.peek().at, look);
    pupil(context, news?.tempo ?? 0, news?.beat_position ?? 0, level.onset, look);
  };
  frame = requestAnimationFrame(draw);
  return () => {
    cancelAnimationFrame(frame);
    clearInterval(recolour);
  };
}

/** Twelve pitch classes, C at the top, brighter where they sound. */
function rim(context: CanvasRenderingContext2D, chroma: number[], look: Look): void {
  chroma.forEach((strength, note) => {
    const from = TOP + (note - 0.5) * (TURN / 12) + GAP;
    const sounding = strength ** 2;
    arc(context, 0.93, from, from + TURN / 12 - 2 * GAP, 0.02 + 0.075 * sounding);
    context.strokeStyle = look.faint;
    context.stroke();
    context.globalAlpha = Math.min(1, sounding * 1.2);
    context.strokeStyle = `oklch(0.82 0.13 ${NOTE_HUES[note]})`;
    context.stroke();
    context.globalAlpha = 1;
  });
}

/** Arcs that open from the bottom to both sides; the tick is what is usual. */
function bands(context: CanvasRenderingContext2D, level: Record<string, number>, look: Look): void {
  for (const { name, radius } of BANDS) {
    const share = Math.min(1, (level[name] ?? 0) / FULL);
    const bottom = TURN / 4;
    const reach = 0.42 * TURN;
    arc(context, radius, bottom - reach, bottom + reach, 0.035);
    context.strokeStyle = look.faint;
    context.stroke();
    if (share > 0.005) {
      arc(context, radius, bottom - reach * share, bottom + reach * share, 0.06);
      context.strokeStyle = look.accent;
      context.globalAlpha = 0.55 + 0.45 * share;
      context.stroke();
      context.globalAlpha = 1;
    }
  }
}

/** A tap that was heard is seen at once, before the beat follows it. */
function ring(context: CanvasRenderingContext2D, since: number, look: Look): void {
  if (since < 0 || since > TAP_SEEN_MS) return;
  const share = since / TAP_SEEN_MS;
  arc(context, 0.2 + 0.24 * share, 0, TURN, 0.05 * (1 - share));
  context.strokeStyle = look.ink;
  context.globalAlpha = 1 - share;
  context.stroke();
  context.globalAlpha = 1;
}

/** Tempo in the middle, a light on every beat, four dots for the bar. */
function pupil(
  context: CanvasRenderingContext2D,
  tempo: number,
  position: number,
  onset: number,
  look: Look,
): void {
  const beat = Math.floor(position);
  const glow = tempo > 0 ? Math.exp(-5 * (position - beat)) : 0;
  const shine = Math.max(glow, Math.min(1, onset) * 0.7);
  if (shine > 0.02) {
    const light = context.createRadialGradient(0, 0, 0, 0, 0, 0.44);
    light.addColorStop(0, look.accent);
    light.addColorStop(1, 'transparent');
    context.globalAlpha = 0.5 * shine;
    context.fillStyle = light;
    disc(context, 0, 0, 0.44);
    context.globalAlpha = 1;
  }
  context.fillStyle = look.ink;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.font = `500 ${tempo > 0 ? 0.27 : 0.17}px "Familjen Grotesk Variable", system-ui, sans-serif`;
  context.fillText(tempo > 0 ? String(Math.round(tempo)) : 'no beat', 0, tempo > 0 ? -0.03 : 0);
  if (tempo <= 0) return;
  for (let i = 0; i < 4; i++) {
    const on = ((beat % 4) + 4) % 4 === i;
    context.fillStyle = on ? look.accent : look.faint;
    disc(context, (i - 1.5) * 0.11, 0.2, on ? 0.036 : 0.026);
  }
}

function arc(
  context: CanvasRenderingContext2D,
  radius: number,
  from: number,
  to: number,
  width: number,
): void {
  context.beginPath();
  context.arc(0, 0, radius, from, to);
  context.lineWidth = width;
  context.lineCap = 'round';
}

function disc(context: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  context.beginPath();
  context.arc(x, y, radius, 0, TURN);
  context.fill();
}

function sharpen(canvas: HTMLCanvasElement): void {
  const size = Math.round(canvas.clientWidth * (devicePixelRatio || 1));
  if (size > 0 && canvas.width !== size) canvas.width = canvas.height = size;
}

function colours(canvas: HTMLCanvasElement): Look {
  const style = getComputedStyle(canvas);
  return { ink: style.color, faint: 'rgb(255 255 255 / 0.14)', accent: style.accentColor };
}
