/** Draws a song's strip: loudness as a wave, beats as ticks, sections as breaks. */

import type { SongInfo } from '../state/store';
import { beatsAt } from '../time/beats';

const LAST_BEATS = 600;

export function drawSong(
  canvas: HTMLCanvasElement,
  info: SongInfo | null,
  at: number,
  length: number,
  tempo: number,
): void {
  const ratio = devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext('2d');
  if (context === null || width === 0) return;
  const style = getComputedStyle(canvas);
  const accent = style.accentColor;
  context.clearRect(0, 0, width, height);
  const played = (at / length) * width;
  const middle = height / 2;
  const bar = 2 * ratio;
  const step = 3 * ratio;
  for (let x = 0; x < width; x += step) {
    const loud = info?.loudness[Math.floor((x / width) * info.loudness.length)] ?? 0;
    const tall = Math.max(ratio, loud * (height - 8 * ratio));
    context.fillStyle = x <= played ? accent : 'rgb(255 255 255 / 0.32)';
    context.fillRect(x, middle - tall / 2, bar, tall);
  }
  const beats = info === null ? [] : beatsAt(info.beats, info.tempo, tempo);
  // a long song has more beats than pixels for them
  if (beats.length < LAST_BEATS && beats.length < width / 4) {
    context.fillStyle = 'rgb(255 255 255 / 0.4)';
    for (const beat of beats)
      context.fillRect((beat / length) * width, height - 3 * ratio, ratio, 3 * ratio);
  }
  for (const start of info?.sections ?? []) {
    if (start <= 0) continue;
    const x = (start / length) * width;
    context.clearRect(x - 2 * ratio, 0, 4 * ratio, height);
    context.fillStyle = style.color;
    context.fillRect(x, 0, ratio, height);
  }
  context.fillStyle = style.color;
  context.fillRect(played - ratio, 0, 2 * ratio, height);
}
