/** Controls of settings that are lists. */

import { useState } from 'preact/hooks';
import { Icon } from './icons';
import { blurOnEnter, type InputProps } from './inputs';

const NOTES = ['C', 'C♯', 'D', 'D♯', 'E', 'F', 'F♯', 'G', 'G♯', 'A', 'A♯', 'B'];

/** Lists of texts, one box each; lists of numbers in one box. */
export function List({ id, control, value, set }: InputProps) {
  const items = Array.isArray(value) ? value : [];
  if (control.kind === 'numbers') {
    const take = (text: string): void => {
      const numbers = text
        .split(/[\s,;]+/)
        .filter((part) => part !== '')
        .map(Number);
      set(numbers.length === 0 && control.optional ? null : numbers.filter(Number.isFinite));
    };
    return (
      <input
        type="text"
        id={id}
        aria-describedby={`${id}-help`}
        placeholder={control.optional ? 'auto' : ''}
        value={items.join(', ')}
        onKeyDown={blurOnEnter}
        onChange={(event) => take(event.currentTarget.value)}
      />
    );
  }
  const pitches = items.length === NOTES.length;
  return (
    <ol class="texts">
      {items.map((item, index) => (
        <li key={index}>
          <span aria-hidden="true">{pitches ? NOTES[index] : index + 1}</span>
          <input
            type="text"
            id={index === 0 ? id : undefined}
            aria-label={`${control.label} ${pitches ? NOTES[index] : index + 1}`}
            value={String(item)}
            onKeyDown={blurOnEnter}
            onChange={(event) => set(items.with(index, event.currentTarget.value))}
          />
        </li>
      ))}
    </ol>
  );
}

/** Prompts that take over at a time in the song. */
export function Timeline({ id, control, value, set }: InputProps) {
  const [at, setAt] = useState('');
  const cues = (Array.isArray(value) ? value : []) as { at: number; prompt: string }[];
  const put = (next: { at: number; prompt: string }[]): void =>
    set([...next].sort((a, b) => a.at - b.at));
  return (
    <div class="timeline">
      {cues.map((cue, index) => (
        <div class="timeline-cue" key={`${cue.at} ${cue.prompt}`}>
          <span>{cue.at} s</span>
          <input
            type="text"
            aria-label={`Prompt from ${cue.at} seconds`}
            value={cue.prompt}
            onKeyDown={blurOnEnter}
            onChange={(event) =>
              put(cues.with(index, { ...cue, prompt: event.currentTarget.value }))
            }
          />
          <button
            type="button"
            class="quiet"
            aria-label={`Remove the prompt at ${cue.at} seconds`}
            onClick={() => put(cues.toSpliced(index, 1))}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
      <div class="timeline-cue">
        <input
          type="text"
          inputMode="decimal"
          id={id}
          class="number"
          placeholder="seconds"
          aria-label={`${control.label}: seconds`}
          value={at}
          onInput={(event) => setAt(event.currentTarget.value)}
        />
        <button
          type="button"
          class="text-button"
          disabled={at.trim() === '' || !Number.isFinite(Number(at))}
          onClick={() => {
            put([...cues, { at: Number(at), prompt: 'a new prompt' }]);
            setAt('');
          }}
        >
          Add a prompt there
        </button>
      </div>
    </div>
  );
}
