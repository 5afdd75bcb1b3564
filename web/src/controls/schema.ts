/** From the server's JSON schema to what the page shows: one control per setting. */

import type { Json } from '../wire/messages';
import { labelOf } from './names';

export type Kind =
  | 'slider'
  | 'number'
  | 'switch'
  | 'choice'
  | 'text'
  | 'texts'
  | 'numbers'
  | 'timeline';

export interface Control {
  /** `camera.zoom` */
  path: string;
  section: string;
  label: string;
  help: string;
  kind: Kind;
  min: number;
  max: number;
  step: number;
  choices: Json[];
  /** may be left empty, and then means "let the model choose" */
  optional: boolean;
  /** may be `auto` instead of a number */
  auto: boolean;
}

export interface Section {
  name: string;
  label: string;
  help: string;
  controls: Control[];
}

interface Node {
  $ref?: string;
  type?: string;
  description?: string;
  properties?: Record<string, Node>;
  anyOf?: Node[];
  items?: Node;
  enum?: Json[];
  const?: Json;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  default?: Json;
  'x-live'?: boolean;
}

export type Schema = Node & { $defs?: Record<string, Node> };

/** All sections and settings that may change while pictures run, in the server's order. */
export function sections(schema: Schema): Section[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, reference]) => {
    const node = resolve(schema, reference);
    const live = reference['x-live'] ?? node['x-live'] ?? false;
    const controls = Object.entries(node.properties ?? {})
      .filter(([, field]) => field['x-live'] ?? live)
      .flatMap(([field, about]) => toControl(schema, name, field, about) ?? []);
    const help = reference.description ?? node.description ?? '';
    return controls.length > 0 ? [{ name, label: words(name), help, controls }] : [];
  });
}

/** `beat_offset_ms` -> `Beat offset ms`. */
export function words(name: string): string {
  const spaced = name.replaceAll('_', ' ');
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

function resolve(schema: Schema, node: Node): Node {
  const name = node.$ref?.split('/').pop();
  return name === undefined ? node : { ...schema.$defs?.[name], ...node };
}

function toControl(schema: Schema, section: string, name: string, about: Node): Control | null {
  const told = (about.anyOf ?? []).filter((option) => option.type !== 'null');
  const auto = told.some((option) => option.const === 'auto');
  const options = told.filter((option) => option.const !== 'auto');
  const node = resolve(schema, { ...options[0], ...about });
  const kind = kindOf(schema, node);
  if (kind === null) return null;
  const whole = node.type === 'integer';
  const min = node.minimum ?? node.exclusiveMinimum ?? Number.NEGATIVE_INFINITY;
  const max = node.maximum ?? node.exclusiveMaximum ?? Number.POSITIVE_INFINITY;
  return {
    path: `${section}.${name}`,
    section,
    label: labelOf(`${section}.${name}`, words(name)),
    help: node.description ?? '',
    kind,
    min,
    max,
    step: node.multipleOf ?? (whole ? 1 : fineStep(max - min)),
    choices: node.enum ?? [],
    auto,
    optional: (about.anyOf ?? []).some((option) => option.type === 'null'),
  };
}

function kindOf(schema: Schema, node: Node): Kind | null {
  if (node.enum !== undefined) return 'choice';
  const bounded =
    (node.minimum ?? node.exclusiveMinimum) !== undefined &&
    (node.maximum ?? node.exclusiveMaximum) !== undefined;
  const narrow = bounded && (node.maximum ?? node.exclusiveMaximum ?? 0) <= 1_000_000;
  switch (node.type) {
    case 'boolean':
      return 'switch';
    case 'number':
    case 'integer':
      return narrow ? 'slider' : 'number';
    case 'string':
      return 'text';
    case 'array': {
      const item = resolve(schema, node.items ?? {});
      if (item.type === 'string') return 'texts';
      if (item.type === 'integer' || item.type === 'number') return 'numbers';
      return item.properties?.at !== undefined ? 'timeline' : null;
    }
    default:
      return null;
  }
}

/** About two hundred steps over the whole range, on round numbers. */
function fineStep(range: number): number {
  if (!Number.isFinite(range) || range <= 0) return 0.01;
  const raw = range / 200;
  const power = 10 ** Math.floor(Math.log10(raw));
  const factor = [5, 2, 1].find((candidate) => candidate * power <= raw) ?? 1;
  return Number((factor * power).toPrecision(3));
}
