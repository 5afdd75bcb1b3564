import { signal, useSignalEffect } from '@preact/signals';
import type { TargetedKeyboardEvent } from 'preact';
import { compose, decompose, type Row } from '../controls/prompts';
import { change, setting } from '../state/settings';
import { Icon } from './icons';

const PATH = 'prompt.base_prompt';
const HEAVIEST = 2;
const rows = signal<Row[]>([{ text: '', weight: 1 }]);

/** What the picture shows: one prompt, or several that are blended by weight. */
export function Prompts() {
  useSignalEffect(() => {
    const text = setting(PATH).value;
    if (typeof text === 'string' && compose(rows.peek()) !== text) rows.value = decompose(text);
  });
  const put = (next: Row[]): void => {
    rows.value = next;
    change(PATH, compose(next));
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
          remove={() => put(list.toSpliced(index, 1))}
        />
      ))}
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
    </div>
  );
}

interface RowProps {
  index: number;
  row: Row;
  alone: boolean;
  put: (row: Row) => void;
  remove: () => void;
}

function PromptRow({ index, row, alone, put, remove }: RowProps) {
  const share = `${(Math.min(row.weight, HEAVIEST) / HEAVIEST) * 100}%`;
  const enter = (event: TargetedKeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.key !== 'Enter' || event.shiftKey) return;
    event.preventDefault();
    // stays in the box: the next idea often is a change of this one
    put({ ...row, text: event.currentTarget.value });
    event.currentTarget.select();
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
        onKeyDown={enter}
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
            onInput={(event) => put({ ...row, weight: event.currentTarget.valueAsNumber })}
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
