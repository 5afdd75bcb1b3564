import { signal } from '@preact/signals';
import { session } from '../state/store';
import type { Values } from '../wire/messages';

/** a hand that only passes over asks for nothing, ms */
const PATIENCE_MS = 350;
const KEPT = 40;
/** of what the server sends, pixels */
const WIDTH = 192;
const HEIGHT = 128;
const EDGE = 8;

/** what is previewed: a picture's address once it is drawn, and what it is of */
const shown = signal<{ left: number; top: number; picture: string } | null>(null);
const kept = new Map<string, string>();
let timer = 0;
let asked = '';

/** Show `values` small beside `what`, before they are taken. */
export function preview(what: Element, values: Values): void {
  clearTimeout(timer);
  const body = JSON.stringify(values);
  asked = body;
  const known = kept.get(body);
  if (known !== undefined) place(what, known);
  else if (session.peek() !== '')
    timer = window.setTimeout(() => void draw(what, body), PATIENCE_MS);
}

/** Above it or below, where there is room. */
function place(what: Element, picture: string): void {
  const { left, width, top, bottom } = what.getBoundingClientRect();
  const middle = left + width / 2 - WIDTH / 2;
  shown.value = {
    left: Math.min(innerWidth - WIDTH - EDGE, Math.max(EDGE, middle)),
    top: top > HEIGHT + 2 * EDGE ? top - HEIGHT - EDGE : bottom + EDGE,
    picture,
  };
}

/** Nothing is looked at any more. */
export function endPreview(): void {
  clearTimeout(timer);
  asked = '';
  shown.value = null;
}

async function draw(what: Element, body: string): Promise<void> {
  try {
    const headers = { 'content-type': 'application/json' };
    const address = `api/sessions/${session.peek()}/preview`;
    const answer = await fetch(address, { method: 'POST', body, headers });
    if (!answer.ok) return;
    const picture = URL.createObjectURL(await answer.blob());
    kept.set(body, picture);
    const [oldest] = kept;
    if (kept.size > KEPT && oldest !== undefined) {
      kept.delete(oldest[0]);
      URL.revokeObjectURL(oldest[1]);
    }
    if (asked === body && what.isConnected) place(what, picture);
  } catch {
    // the line is cut: there is nothing to see
  }
}

/** The preview, over everything else. */
export function Preview() {
  const now = shown.value;
  if (now === null) return null;
  const { left, top, picture } = now;
  return (
    <img
      class="preview"
      src={picture}
      alt=""
      width={WIDTH}
      height={HEIGHT}
      style={{ left: `${left}px`, top: `${top}px` }}
    />
  );
}
