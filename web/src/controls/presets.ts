/** A performer's own looks: settings under a name, kept in the browser, carried as JSON files. */

import type { Json, Values } from '../wire/messages';

export interface Preset {
  name: string;
  values: Values;
  /** small picture of it, a JPEG in base64 */
  thumbnail?: string;
}

/** how this machine keeps time and hears is not part of a look */
const NOT_A_LOOK = [
  'live.',
  'video.',
  'audio.',
  'diffusion.',
  'inference.width',
  'inference.height',
];

export function lookValues(values: Values, live: ReadonlySet<string>): Values {
  const kept = Object.entries(values).filter(
    ([path]) => live.has(path) && !NOT_A_LOOK.some((start) => path.startsWith(start)),
  );
  return Object.fromEntries(kept);
}

export function toFile(presets: readonly Preset[]): string {
  return `${JSON.stringify({ phosphene: 'presets', version: 1, presets }, null, 2)}\n`;
}

/** Presets of a file; throws a plain sentence where it is none. */
export function fromFile(text: string): Preset[] {
  const data = readJson(text);
  const presets = isRecord(data) && data.phosphene === 'presets' ? data.presets : null;
  if (!Array.isArray(presets)) {
    throw new Error('This file holds no presets: choose one that was exported here.');
  }
  return presets.flatMap((entry) => asPreset(entry) ?? []);
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function asPreset(entry: unknown): Preset | null {
  if (!isRecord(entry) || typeof entry.name !== 'string' || !isRecord(entry.values)) return null;
  const preset: Preset = {
    name: entry.name.slice(0, 60),
    values: entry.values as Record<string, Json>,
  };
  if (typeof entry.thumbnail === 'string') preset.thumbnail = entry.thumbnail;
  return preset;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
