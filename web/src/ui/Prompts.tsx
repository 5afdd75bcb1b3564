import { signal, useSignalEffect } from '@preact/signals';
import type { TargetedKeyboardEvent } from 'preact';
import { compose, decompose, type Row } from '../controls/prompts';
import { change, setting } from '../state/settings';
import { pastPrompts } from '../state/store';
import { did } from '../state/undo';
import { Icon } from './icons';
import { endPreview, preview } from './Preview';

const PATH = 'prompt.base_prompt';
const HEAVIEST = 2;
const REMEMBERED = 50;
const LISTED = 12;
const rows = signal<Row[]>([{ text: '', weight: 1 }]);

/** Send a prompt; it can be undone, and is remembered. */
function send(next: string): void {
  const before = setting(PATH).peek();
  if (before === next) return;
  change(PATH, next);
  did('the prompt', () => change(PATH, before));
  if (next.trim() === '') return;
  pastPrompts.value = [next, ...pastPrompts.peek().filter((one) => one !== next)].slice(
    0,
    REMEMBERED,
  );
}

/** What the picture shows: one prompt, or several that are blended by weight. */
export function Prompts() {
  useSignalEffect(() => {
    const text = setting(PATH).value;
    if (typeof text === 'string' && compose(rows.peek()) !== text) rows.value = decompose(text);
  });
  const put = (next: Row[]): void => {
    rows.value = next;
    send(compose(next));
  };
  const list = rows.value;
  return (
    <div class="prompts">
      {list.map((row, index) => (
        <PromptRow
          key={index}
          index={index}
          row={row}
          alone={list.length === 1}
          put={(next) => put(list.with(index, next))}
          weigh={(weight) => {
            rows.value = list.with(index, { ...row, weight });
            change(PATH, compose(rows.peek()));
          }}
          remove={() => put(list.toSpliced(index, 1))}
        />
      ))}
      <div class="links">
        <button
          type="button"
          class="text-button"
          onClick={() => {
            rows.value = [...list, { text: '', weight: 1 }];
            requestAnimationFrame(() => document.getElementById(`prompt-${list.length}`)?.focus());
          }}
        >
          <Icon name="add" /> Blend in another prompt
        </button>
        <Past />
      </div>
    </div>
  );
}

/** Prompts that were sent before. */
function Past() {
  const now = setting(PATH).value;
  const list = pastPrompts.value.filter((one) => one !== now).slice(0, LISTED);
  if (list.length === 0) return null;
  return (
    <details class="past">
      <summary class="text-button">Earlier prompts</summary>
      <ul>
        {list.map((prompt) => (
          <li key={prompt}>
            <button type="button" class="past-prompt" onClick={() => send(prompt)}>
              {prompt}
            </button>
          </li>
        ))}
      </ul>
    </details>
  );
}

interface RowProps {
  index: number;
  row: Row;
  alone: boolean;
  put: (row: Row) => void;
  weigh: (weight: number) => void;
  remove: () => void;
}

function PromptRow({ index, row, alone, put, weigh, remove }: RowProps) {
  const share = `${(Math.min(row.weight, HEAVIEST) / HEAVIEST) * 100}%`;
  const type = (event: TargetedKeyboardEvent<HTMLTextAreaElement>): void => {
    const box = event.currentTarget;
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      put({ ...row, text: box.value });
      // the keys play again: the next one is no letter of the prompt
      box.blur();
    } else if (event.key === 'Escape') {
      box.value = row.text;
    } else if (alone && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
      const found = past(box, event.key === 'ArrowUp');
      if (found === null) return;
      event.preventDefault();
      box.value = found;
    }
  };
  return (
    <div class="prompt">
      <textarea
        id={`prompt-${index}`}
        class="prompt-text"
        rows={1}
        spellcheck={false}
        aria-label={alone ? 'Prompt: what to draw' : `Prompt ${index + 1}`}
        placeholder="what to draw"
        value={row.text}
        onKeyDown={type}
        onInput={({ currentTarget }) => {
          const { value } = currentTarget;
          // what is written is seen before it is sent
          if (alone && value.trim() !== '') preview(currentTarget, { [PATH]: value });
          else endPreview();
        }}
        onBlur={endPreview}
        onChange={(event) => put({ ...row, text: event.currentTarget.value })}
      />
      {!alone && (
        <div class="prompt-weight">
          <input
            type="range"
            min={0}
            max={HEAVIEST}
            step={0.05}
            value={row.weight}
            style={{ '--from': '0%', '--to': share }}
            aria-label={`Weight of prompt ${index + 1}`}
            onInput={(event) => weigh(event.currentTarget.valueAsNumber)}
          />
          <span class="figure">{row.weight.toFixed(2)}</span>
          <button
            type="button"
            class="quiet"
            aria-label={`Remove prompt ${index + 1}`}
            onClick={remove}
          >
            <Icon name="close" />
          </button>
        </div>
      )}
    </div>
  );
}

/** From the first line upwards to earlier prompts, from the last downwards to later ones; else null. */
function past(box: HTMLTextAreaElement, older: boolean): string | null {
  const before = box.value.slice(0, box.selectionStart);
  const after = box.value.slice(box.selectionEnd);
  if ((older ? before : after).includes('\n')) return null;
  // a long prompt wraps: the caret goes through its lines first
  if (older ? before !== '' && after !== '' : after !== '') return null;
  const list = pastPrompts.peek();
  const at = list.indexOf(box.value) + (older ? 1 : -1);
  return list[at] ?? null;
}
