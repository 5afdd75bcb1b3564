/** Draws a song's strip: loudness as a wave, beats as ticks, sections as breaks. */

import type { Analysis } from '../set/model';
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

/** numbers of bars are at least so far apart, CSS pixels */
const BAR_ROOM = 34;

/** A song to lay cues on: bars with their numbers, sections, loudness, and where it plays; `at` -1: it does not. */
export function drawCues(canvas: HTMLCanvasElement, song: Analysis, at: number): void {
  const ratio = devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext('2d');
  if (context === null || width === 0) return;
  const style = getComputedStyle(canvas);
  context.clearRect(0, 0, width, height);
  const x = (seconds: number): number => (seconds / song.duration) * width;
  const ruler = 16 * ratio;
  const middle = (height + ruler) / 2;
  const { bars, sections, loudness } = song;
  sections.forEach((start, index) => {
    if (index % 2 === 0) return;
    context.fillStyle = 'rgb(255 255 255 / 0.05)';
    context.fillRect(x(start), ruler, x(sections[index + 1] ?? song.duration) - x(start), height);
  });
  const room = bars.length > 1 ? x((bars[bars.length - 1] ?? 0) / (bars.length - 1)) : width;
  const every = 2 ** Math.max(0, Math.ceil(Math.log2((BAR_ROOM * ratio) / Math.max(1, room))));
  context.font = `${10.5 * ratio}px ${style.fontFamily}`;
  context.textBaseline = 'middle';
  bars.forEach((bar, index) => {
    const numbered = index % every === 0;
    if (!numbered && room < 5 * ratio) return;
    context.fillStyle = `rgb(255 255 255 / ${numbered ? 0.22 : 0.09})`;
    context.fillRect(Math.round(x(bar)), numbered ? 0 : ruler, ratio, height);
    if (!numbered) return;
    context.fillStyle = 'rgb(255 255 255 / 0.62)';
    context.fillText(String(index + 1), x(bar) + 4 * ratio, ruler / 2);
  });
  const step = 3 * ratio;
  for (let left = 0; left < width; left += step) {
    const loud = loudness[Math.floor((left / width) * loudness.length)] ?? 0;
    const tall = Math.max(ratio, loud * (height - ruler - 8 * ratio));
    context.fillStyle = at >= 0 && left <= x(at) ? style.accentColor : 'rgb(255 255 255 / 0.3)';
    context.fillRect(left, middle - tall / 2, 2 * ratio, tall);
  }
  if (at < 0) return;
  context.fillStyle = style.color;
  context.fillRect(x(at) - ratio, 0, 2 * ratio, height);
}
