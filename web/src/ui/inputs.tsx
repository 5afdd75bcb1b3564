/** The controls themselves: each shows a value and hands on a new one. */

import type { TargetedEvent, TargetedKeyboardEvent } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { same } from '../controls/outbox';
import { type Control, words } from '../controls/schema';
import type { Json } from '../wire/messages';

export interface InputProps {
  id: string;
  control: Control;
  value: Json;
  set: (value: Json) => void;
}

export function Slider({ id, control, value, set }: InputProps) {
  const { min, max, step } = control;
  const number = typeof value === 'number' ? value : min;
  const at = max > min ? ((number - min) / (max - min)) * 100 : 0;
  // two-sided settings are filled from nought, the others from the left
  const nought = min < 0 && max > 0 ? (-min / (max - min)) * 100 : 0;
  const style = { '--from': `${Math.min(at, nought)}%`, '--to': `${Math.max(at, nought)}%` };
  return (
    <input
      type="range"
      id={id}
      aria-describedby={`${id}-help`}
      {...{ min, max, step }}
      value={number}
      style={style}
      onInput={(event) => set(round(event.currentTarget.valueAsNumber))}
    />
  );
}

export function NumberBox({ id, control, value, set, label }: InputProps & { label: string }) {
  const shown = typeof value === 'number' ? String(round(value)) : '';
  const take = (typed: string): void => {
    const text = typed.trim().replace(',', '.').replace('−', '-');
    const number = Number(text);
    if (text === '' && control.optional) set(null);
    else if (text !== '' && Number.isFinite(number)) set(number);
  };
  return (
    <Typed
      id={id}
      label={label}
      class="number"
      number
      value={shown}
      placeholder={control.optional ? 'auto' : ''}
      take={take}
      onFocus={(event) => event.currentTarget.select()}
    />
  );
}

export function Toggle({ id, value, set }: InputProps) {
  return (
    <input
      type="checkbox"
      role="switch"
      class="switch"
      id={id}
      aria-describedby={`${id}-help`}
      checked={value === true}
      onChange={(event) => set(event.currentTarget.checked)}
    />
  );
}

export function Choice({ id, control, value, set }: InputProps) {
  return (
    <select
      id={id}
      aria-describedby={`${id}-help`}
      value={String(control.choices.findIndex((choice) => same(choice, value)))}
      onChange={(event) => set(control.choices[Number(event.currentTarget.value)] ?? null)}
    >
      {control.choices.map((choice, index) => (
        <option key={String(choice)} value={String(index)}>
          {words(String(choice))}
        </option>
      ))}
    </select>
  );
}

export function Text({ id, control, value, set }: InputProps) {
  const shown = typeof value === 'string' ? value : '';
  return (
    <textarea
      id={id}
      rows={1}
      aria-describedby={`${id}-help`}
      value={shown}
      onKeyDown={blurOnEnter}
      onChange={({ currentTarget: { value: text } }) =>
        set(text === '' && control.optional ? null : text)
      }
    />
  );
}

interface TypedProps {
  id: string;
  value: string;
  /** what was typed, once it is done */
  take: (text: string) => void;
  /** a number */
  number?: boolean;
  label?: string;
  class?: string;
  placeholder?: string;
  title?: string;
  onFocus?: (event: TargetedEvent<HTMLInputElement>) => void;
}

/** A line of text: what is being typed stays, whatever else changes meanwhile. */
export function Typed({ value, take, number = false, label, ...rest }: TypedProps) {
  const box = useRef<HTMLInputElement>(null);
  const show = (): void => {
    if (box.current !== null && box.current !== document.activeElement) box.current.value = value;
  };
  useLayoutEffect(show, [value]);
  return (
    <input
      {...rest}
      ref={box}
      type="text"
      aria-label={label}
      inputMode={number ? 'decimal' : 'text'}
      maxLength={number ? 20 : 2000}
      defaultValue={value}
      onKeyDown={blurOnEnter}
      onChange={(event) => take(event.currentTarget.value)}
      onBlur={show}
    />
  );
}

export function blurOnEnter(event: TargetedKeyboardEvent<HTMLElement>): void {
  if (event.key !== 'Enter') return;
  event.preventDefault();
  event.currentTarget.blur();
}

function round(value: number): number {
  return Number(value.toPrecision(6));
}
