import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import {
  type Analysis,
  barAfter,
  type Cue,
  moved,
  placeOf,
  snap,
  whatText,
  whereText,
} from '../set/model';
import { find, isLost } from '../state/looks';
import {
  analysisOf,
  chosenCue,
  editCues,
  opened,
  openedSong,
  playingSong,
  set,
  snapping,
} from '../state/set';
import * as store from '../state/store';
import { useShow } from './context';
import { drawCues } from './drawSong';
import { Icon } from './icons';
import { DRAGGED_LOOK } from './Looks';

const ZOOMS = [1, 2, 4, 8];
const zoom = signal(1);
/** a press that moves less is a click, pixels */
const STILL = 4;

/** The opened song along its length, with its cues: drag them, drop looks on it, press K where it plays. */
export function SetWave() {
  const song = openedSong.value;
  const analysis = analysisOf(song);
  if (song === undefined) return null;
  if (analysis === undefined)
    return <p class="help-text">Its waveform comes as soon as it was heard.</p>;
  return (
    <>
      <Wave cues={song.cues} analysis={analysis} />
      <Tools analysis={analysis} />
    </>
  );
}

function Wave({ cues, analysis }: { cues: readonly Cue[]; analysis: Analysis }) {
  const show = useShow();
  const canvas = useRef<HTMLCanvasElement>(null);
  const strip = useRef<HTMLDivElement>(null);
  const scroll = useRef<HTMLDivElement>(null);
  const { bars, duration } = analysis;
  useEffect(() => {
    let frame = 0;
    const draw = (): void => {
      frame = requestAnimationFrame(draw);
      if (store.idle.peek() || canvas.current === null) return;
      const { deck } = show.sources.player;
      const plays = playingSong.peek() === opened.peek() && deck !== null;
      drawCues(canvas.current, analysis, plays ? deck.element.currentTime : -1);
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [show, analysis]);
  const timeAt = (clientX: number): number => {
    const box = strip.current?.getBoundingClientRect();
    if (box === undefined || box.width === 0) return 0;
    return Math.min(duration, Math.max(0, ((clientX - box.left) / box.width) * duration));
  };
  const placed = (clientX: number, free: boolean): number => {
    const at = timeAt(clientX);
    return snapping.peek() && !free ? snap(at, bars) : at;
  };
  return (
    <div class="wave-scroll" ref={scroll}>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: keys have the cues themselves, and K */}
      <div
        class="wave"
        ref={strip}
        style={{ width: `${zoom.value * 100}%` }}
        onDragOver={(event) => {
          if (event.dataTransfer?.types.includes(DRAGGED_LOOK)) event.preventDefault();
        }}
        onDrop={(event) => {
          const look = find(event.dataTransfer?.getData(DRAGGED_LOOK) ?? '');
          if (look === undefined) return;
          event.preventDefault();
          layCue({ look: look.name }, placed(event.clientX, event.altKey));
        }}
        onDblClick={({ clientX, altKey }) => addCue(placed(clientX, altKey))}
      >
        <canvas ref={canvas} />
        {cues.map((cue, index) => (
          <Marker key={index} {...{ cue, index, bars, duration, placed }} />
        ))}
      </div>
    </div>
  );
}

interface MarkerProps {
  cue: Cue;
  index: number;
  bars: readonly number[];
  duration: number;
  placed: (clientX: number, free: boolean) => number;
}

function Marker({ cue, index, bars, duration, placed }: MarkerProps) {
  const button = useRef<HTMLButtonElement>(null);
  const at = placeOf(cue, bars);
  if (Number.isNaN(at)) return null;
  const move = (to: number): void => {
    const next = moved(cue, to);
    editCues('moving a cue', opened.peek(), (all) => all.with(index, next), next);
  };
  const grab = (event: PointerEvent): void => {
    if (event.button !== 0 || button.current === null) return;
    chosenCue.value = index;
    const element = button.current;
    const from = event.clientX;
    let to = at;
    let dragged = false;
    const drag = (now: PointerEvent): void => {
      if (!dragged && Math.abs(now.clientX - from) < STILL) return;
      dragged = true;
      to = placed(now.clientX, now.altKey);
      element.style.left = `${(to / duration) * 100}%`;
    };
    const drop = (): void => {
      element.removeEventListener('pointermove', drag);
      if (dragged) move(to);
    };
    element.setPointerCapture(event.pointerId);
    element.addEventListener('pointermove', drag);
    element.addEventListener('lostpointercapture', drop, { once: true });
  };
  const keys = (event: KeyboardEvent): void => {
    const by = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0;
    if (by !== 0) move(event.altKey ? Math.max(0, at + by * 0.05) : barAfter(at, by, bars));
    else if (event.key === 'Delete' || event.key === 'Backspace') removeCue(index);
    else return;
    event.preventDefault();
    event.stopPropagation();
    requestAnimationFrame(() =>
      document.querySelector<HTMLElement>('.cue[aria-pressed=true]')?.focus(),
    );
  };
  const lost = isLost(cue.look) ? `, but there is no look “${cue.look}”` : '';
  const title = `${whatText(cue)}, ${whereText(at, bars)}${lost}`;
  const kind =
    cue.blackout !== undefined ? (cue.blackout ? 'dark' : 'light') : cue.look ? 'look' : 'other';
  return (
    <button
      ref={button}
      type="button"
      class={`cue ${kind} ${lost && 'lost'} row-${index % 2}`}
      style={{ left: `${(at / duration) * 100}%` }}
      aria-pressed={chosenCue.value === index}
      aria-label={title}
      title={title}
      onPointerDown={grab}
      onClick={() => {
        chosenCue.value = index;
      }}
      onDblClick={(event) => event.stopPropagation()}
      onKeyDown={keys}
    >
      <span>{whatText(cue)}</span>
    </button>
  );
}

function Tools({ analysis }: { analysis: Analysis }) {
  const { bars, tempo } = analysis;
  return (
    <div class="wave-tools">
      <button
        type="button"
        class="button"
        title="A cue where the song is (K)"
        onClick={() => cueHere()}
      >
        <Icon name="add" /> Cue here
      </button>
      <label>
        <input
          type="checkbox"
          checked={snapping.value}
          onChange={(event) => {
            snapping.value = event.currentTarget.checked;
          }}
        />
        Snap to bars
      </label>
      <fieldset class="zooms">
        <legend class="unseen">Zoom</legend>
        {ZOOMS.map((by) => (
          <button
            key={by}
            type="button"
            class="quiet"
            aria-pressed={zoom.value === by}
            aria-label={by === 1 ? 'All of the song' : `${by} times as wide`}
            onClick={() => {
              zoom.value = by;
            }}
          >
            {by === 1 ? 'All' : `${by}×`}
          </button>
        ))}
      </fieldset>
      <span class="help-text">
        {bars.length > 0
          ? `${bars.length} bars, ${tempo.toFixed(1)} beats a minute`
          : 'No bars were heard: cues lie on seconds.'}
      </span>
    </div>
  );
}

function layCue(what: Omit<Cue, 'at' | 'bar'>, at: number): void {
  const cue = moved(what, at);
  editCues('a cue', opened.peek(), (all) => [...all, cue], cue);
}

/** A new cue: the look that is on, or the prompt where none is. */
function addCue(at: number): void {
  const look = find(store.chosenLook.peek());
  layCue(look === undefined ? { scene: true } : { look: look.name }, at);
}

export function removeCue(index: number): void {
  editCues('removing a cue', opened.peek(), (all) => all.toSpliced(index, 1));
  chosenCue.value = -1;
}

/** A cue where the song of the set plays now; at its beginning where it does not. */
export function cueHere(): void {
  const song = set.peek().songs[opened.peek()];
  const bars = analysisOf(song)?.bars ?? [];
  const plays = playingSong.peek() === opened.peek();
  const at = plays ? (store.songTime.now ?? 0) : 0;
  if (song !== undefined) addCue(snapping.peek() ? snap(at, bars) : at);
}
