import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Control } from '../controls/schema';
import {
  addRoute,
  NOTE_SOURCES,
  type Route,
  routes,
  SOURCES,
  setRoute,
  sourceLabel,
} from '../state/routes';
import { setting } from '../state/settings';
import { heard, lastKnob } from '../state/store';
import { Icon } from './icons';

/** what a source is called while it is dragged */
export const DRAGGED_SOURCE = 'application/x-phosphene-source';
/** the slider whose sources are open */
const open = signal('');

/** Sources of motion, to be dragged onto any slider that can be driven. */
export function Drive() {
  const count = routes().length;
  return (
    <>
      <p class="help-text">
        Drag a source onto a slider, or press <Icon name="drive" /> beside one
        {count > 0 ? `. ${count} ${count === 1 ? 'is' : 'are'} in use.` : '.'}
      </p>
      <ul class="drives">
        {SOURCES.map(({ source, label, help }) => (
          <li
            key={source}
            class="drive-chip"
            draggable
            title={help}
            onDragStart={({ dataTransfer }) => dataTransfer?.setData(DRAGGED_SOURCE, source)}
          >
            {label}
          </li>
        ))}
      </ul>
    </>
  );
}

/** Where a slider is driven from: a button that opens it, and what moves now. */
export function DriveButton({ control }: { control: Control }) {
  const own = routes().filter(({ target }) => target === control.path);
  const isOpen = open.value === control.path;
  const names = own.map(({ source }) => sourceLabel(source)).join(', ');
  return (
    <button
      type="button"
      class={`drive-button ${own.length > 0 ? 'driven' : ''}`}
      aria-expanded={isOpen}
      title={own.length > 0 ? `Driven by ${names}` : 'Drive it from what is heard'}
      aria-label={`${control.label}: ${own.length > 0 ? `driven by ${names}` : 'drive it'}`}
      onClick={() => {
        open.value = isOpen ? '' : control.path;
      }}
    >
      <Icon name="drive" />
      {own.length > 0 && <span>{names}</span>}
    </button>
  );
}

/** A mark over a slider: where the setting is, with all that drives it. */
export function DriveMark({ control }: { control: Control }) {
  const mark = useRef<HTMLSpanElement>(null);
  const driven = routes().some(({ target }) => target === control.path);
  useEffect(() => {
    if (!driven) return undefined;
    let frame = 0;
    const { path, min, max } = control;
    const draw = (): void => {
      frame = requestAnimationFrame(draw);
      const held = heard.now?.routes ?? [];
      let value = Number(setting(path).peek() ?? min);
      routesNow().forEach((route, index) => {
        if (route.target !== path) return;
        const [low, high] = route.range ?? [min, max];
        value = Math.min(high, Math.max(low, value + (held[index] ?? 0)));
      });
      const at = Math.min(1, Math.max(0, (value - min) / (max - min)));
      if (mark.current !== null) mark.current.style.left = `${(at * 100).toFixed(1)}%`;
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [control, driven]);
  return driven ? <span class="drive-mark" ref={mark} aria-hidden="true" /> : null;
}

function routesNow(): Route[] {
  const value = setting('react.routes').peek();
  return Array.isArray(value) ? (value as unknown as Route[]) : [];
}

/** The sources of a slider, where they are open. */
export function DriveForm({ control }: { control: Control }) {
  if (open.value !== control.path) return null;
  const own = routes()
    .map((route, index) => ({ route, index }))
    .filter(({ route }) => route.target === control.path);
  return (
    <div class="drive-form">
      {own.map(({ route, index }) => (
        <One key={index} {...{ route, index, control }} />
      ))}
      <select
        aria-label={`${control.label}: add a source`}
        value=""
        onChange={({ currentTarget }) => {
          if (currentTarget.value !== '') addRoute(control, currentTarget.value);
          currentTarget.value = '';
        }}
      >
        <option value="">Add a source</option>
        {SOURCES.map(({ source, label }) => (
          <option key={source} value={source}>
            {label}
          </option>
        ))}
      </select>
    </div>
  );
}

interface OneProps {
  route: Route;
  index: number;
  control: Control;
}

function One({ route, index, control }: OneProps) {
  const { min, max, step } = control;
  const span = max - min;
  const set = (part: Partial<Route>): void => setRoute(index, { ...route, ...part });
  const label = sourceLabel(route.source);
  const [low, high] = route.range ?? [min, max];
  const known = [...SOURCES.map(({ source }) => source), ...NOTE_SOURCES, route.source];
  const number = (name: string, value: number, take: (value: number) => void) => (
    <label>
      {name}
      <input
        type="text"
        inputMode="decimal"
        class="number"
        aria-label={`${label}: ${name.toLowerCase()}`}
        value={String(Number(value.toPrecision(4)))}
        onChange={({ currentTarget }) => {
          const next = Number(currentTarget.value.replace(',', '.').replace('−', '-'));
          if (currentTarget.value.trim() !== '' && Number.isFinite(next)) take(next);
          else currentTarget.value = String(value);
        }}
      />
    </label>
  );
  return (
    <div class="drive-one">
      <select
        aria-label={`${control.label}: source`}
        value={route.source}
        onChange={({ currentTarget: { value } }) => set({ source: value })}
      >
        {[...new Set(known)].map((source) => (
          <option key={source} value={source}>
            {sourceLabel(source)}
          </option>
        ))}
      </select>
      {route.source.startsWith('controller:') && lastKnob.value !== '' && (
        <button
          type="button"
          class="text-button"
          onClick={() => set({ source: `controller:${lastKnob.peek()}` })}
        >
          Take {lastKnob.value}
        </button>
      )}
      <button
        type="button"
        class="quiet"
        aria-label={`${control.label}: not by ${label}`}
        onClick={() => setRoute(index, undefined)}
      >
        <Icon name="close" />
      </button>
      <label class="wide">
        Amount
        <input
          type="range"
          min={-span}
          max={span}
          step={step}
          value={route.gain}
          style={{
            '--from': `${Math.min(50, 50 + (route.gain / span) * 50)}%`,
            '--to': `${Math.max(50, 50 + (route.gain / span) * 50)}%`,
          }}
          aria-label={`${label}: amount`}
          onInput={({ currentTarget }) => set({ gain: currentTarget.valueAsNumber })}
        />
      </label>
      {number('Attack, s', route.attack, (attack) => set({ attack: clamp(attack, 0, 60) }))}
      {number('Release, s', route.release, (release) => set({ release: clamp(release, 0, 60) }))}
      {number('From', low, (next) => next < high && set({ range: [next, high] }))}
      {number('To', high, (next) => next > low && set({ range: [low, next] }))}
      {route.source === 'lfo' && (
        <>
          {number(
            'Beats',
            route.beats,
            (beats) => beats > 0 && set({ beats: clamp(beats, 0.01, 1024) }),
          )}
          <select
            aria-label={`${label}: shape`}
            value={route.shape}
            onChange={({ currentTarget: { value } }) => set({ shape: value })}
          >
            {['sine', 'triangle', 'saw', 'square'].map((shape) => (
              <option key={shape}>{shape}</option>
            ))}
          </select>
        </>
      )}
    </div>
  );
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
