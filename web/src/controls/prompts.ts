/**
 * Several prompts with weights, as one text: `(teal waves:1.3), gold marble`.
 *
 * The syntax is the server's (`phosphene.prompt.weights`): round brackets with a number weigh,
 * a backslash takes a bracket's meaning away, nested weights multiply.
 */

export interface Row {
  text: string;
  /** 0..4, 1 = usual */
  weight: number;
}

const OPEN = '([';
const CLOSE = ')]';

/** The rows as one prompt; rows without text say nothing. */
export function compose(rows: readonly Row[]): string {
  const spoken = rows.filter((row) => row.text.trim() !== '');
  const [only] = spoken;
  if (only !== undefined && spoken.length === 1) return only.text.trim();
  return spoken.map(({ text, weight }) => weigh(protect(text.trim()), weight)).join(', ');
}

/** A prompt as rows: one for each part weighed as a whole, one for all plain text between them. */
export function decompose(prompt: string): Row[] {
  const rows: Row[] = [];
  let plain: string[] = [];
  const flush = (): void => {
    if (plain.length > 0) rows.push({ text: plain.join(', '), weight: 1 });
    plain = [];
  };
  for (const part of split(prompt)) {
    const weighed = /^\((.*):([0-9]+(?:\.[0-9]+)?)\)$/s.exec(part);
    if (weighed?.[1] !== undefined && protect(weighed[1]) === weighed[1]) {
      flush();
      rows.push({ text: weighed[1], weight: Math.min(4, Number(weighed[2])) });
    } else if (part !== '') plain.push(part);
  }
  flush();
  return rows.length > 0 ? rows : [{ text: '', weight: 1 }];
}

/** Escape brackets without a partner, and a last backslash, so that they stay inside their row. */
export function protect(text: string): string {
  const paired = partners(text);
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const ch = text.charAt(i);
    if (ch === '\\') {
      const next = text.charAt(i + 1);
      if (next !== '' && '\\()[]:'.includes(next)) {
        out += ch + next;
        i++;
      } else out += next === '' ? '\\\\' : ch;
    } else out += (OPEN + CLOSE).includes(ch) && !paired.has(i) ? `\\${ch}` : ch;
  }
  return out;
}

function weigh(text: string, weight: number): string {
  return weight === 1 ? text : `(${text}:${Number(weight.toFixed(2))})`;
}

/** Places of brackets that have a partner; a closer passes over openers of the other kind. */
function partners(text: string): Set<number> {
  const paired = new Set<number>();
  const waiting: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const ch = text.charAt(i);
    if (ch === '\\') i++;
    else if (OPEN.includes(ch)) waiting.push(i);
    else if (CLOSE.includes(ch)) {
      const opener = OPEN.charAt(CLOSE.indexOf(ch));
      const at = waiting.findLastIndex((place) => text.charAt(place) === opener);
      if (at < 0) continue;
      paired.add(waiting[at] ?? i).add(i);
      waiting.length = at;
    }
  }
  return paired;
}

/** Parts between commas that stand outside all brackets. */
function split(prompt: string): string[] {
  const paired = partners(prompt);
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < prompt.length; i++) {
    const ch = prompt.charAt(i);
    if (ch === '\\') i++;
    else if (paired.has(i)) depth += OPEN.includes(ch) ? 1 : -1;
    else if (ch === ',' && depth === 0) {
      parts.push(prompt.slice(start, i).trim());
      start = i + 1;
    }
  }
  parts.push(prompt.slice(start).trim());
  return parts;
}
