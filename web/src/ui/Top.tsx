import { useEffect, useState } from 'preact/hooks';
import { clockTime } from '../picture/time';
import {
  drawerOpen,
  figures,
  fit,
  hearing,
  helpOpen,
  playing,
  recording,
  setOpen,
  stats,
} from '../state/store';
import { steps } from '../state/undo';
import { takeBack, toggleFit, toggleFullScreen, toggleSet } from './actions';
import { useShow } from './context';
import { Icon, type IconName } from './icons';
import { KnobTag, learnable } from './learn';
import { openOutput } from './output';

/** The name, how the show runs, and what can be done with the picture. */
export function Top() {
  const show = useShow();
  return (
    <header class="top">
      <div class="top-row">
        <div class="panel name">
          <h1>phosphene</h1>
          <Running />
        </div>
        <div class="panel tools" role="toolbar" aria-label="Picture">
          <RecordButton />
          <Tool
            icon="snapshot"
            id="snapshot"
            label="Save a picture (S)"
            run={() => void show.takes.snapshot()}
          />
          <Tool
            icon={fit.value}
            id="fit"
            label={fit.value === 'cover' ? 'Show all of the picture (C)' : 'Fill the window (C)'}
            run={toggleFit}
          />
          <Tool
            icon="back"
            id="undo"
            label="Undo (U)"
            off={steps.value.length === 0}
            run={takeBack}
          />
          <Tool
            icon="output"
            id="output"
            label="Output window for the second screen (W)"
            run={() => void openOutput()}
          />
          <Tool icon="full" id="full" label="Full screen (F)" run={toggleFullScreen} />
          <Tool
            icon="help"
            id="help"
            label="Keys and help (?)"
            run={() => {
              helpOpen.value = true;
            }}
          />
          <Tool icon="set" id="set" label="Set (E)" pressed={setOpen.value} run={toggleSet} />
          <Tool
            icon="controls"
            id="controls"
            label="Controls (O)"
            pressed={drawerOpen.value}
            run={() => {
              drawerOpen.value = !drawerOpen.peek();
              if (drawerOpen.peek() && innerWidth < 1000) setOpen.value = false;
            }}
          />
        </div>
      </div>
    </header>
  );
}

/** Frames a second and how old they are, in so many words. */
function Running() {
  const now = figures.value;
  if (now === null) return <p class="running">waiting for pictures</p>;
  if (now.stillMs > 0)
    return (
      <p class="running stale" role="status">
        no picture for {Math.round(now.stillMs / 1000)} s
      </p>
    );
  const inSong = hearing.value === 'song' && playing.value && !Number.isNaN(now.offMs);
  const age = inSong ? signed(now.offMs) : Math.round(now.ageMs);
  const lowered = stats.value?.lowered === true;
  return (
    <p
      class="running"
      title={
        inSong
          ? 'How far pictures are behind (+) or ahead of (−) the sound'
          : 'From the moment something happens to the moment its picture is seen'
      }
    >
      <span class="meaning">
        <span class="figure" data-figure="screen">
          {now.screenFps.toFixed(0)}
        </span>{' '}
        shown,{' '}
      </span>
      <span class="figure" data-figure="fps">
        {now.fps.toFixed(0)}
      </span>{' '}
      <span class="meaning">drawn </span>a second
      <span class="dot" aria-hidden="true" />
      <span class="figure" data-figure="age">
        {age} ms
      </span>
      <span class="meaning">{inSong ? 'to the sound' : 'old'}</span>
      {lowered && (
        <span class="lowered" title={stats.value?.reason}>
          drawn smaller
        </span>
      )}
    </p>
  );
}

function RecordButton() {
  const show = useShow();
  const since = recording.value?.since;
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    if (since === undefined) return undefined;
    setSeconds(0);
    const timer = setInterval(() => setSeconds((performance.now() - since) / 1000), 500);
    return () => clearInterval(timer);
  }, [since]);
  const label = since === undefined ? 'Record (R)' : 'Stop and save the recording (R)';
  return (
    <button
      type="button"
      class={`tool record ${since === undefined ? '' : 'on'}`}
      title={label}
      aria-label={label}
      aria-pressed={since !== undefined}
      onClick={() => void show.takes.record()}
      {...learnable('do:record')}
    >
      <Icon name="record" />
      {since !== undefined && <span class="figure">{clockTime(seconds)}</span>}
      <KnobTag target="do:record" />
    </button>
  );
}

interface ToolProps {
  icon: IconName;
  id: string;
  label: string;
  pressed?: boolean;
  off?: boolean;
  run: () => void;
}

function Tool({ icon, id, label, pressed, off, run }: ToolProps) {
  return (
    <button
      type="button"
      class={`tool tool-${id}`}
      title={label}
      aria-label={label}
      aria-pressed={pressed}
      disabled={off}
      onClick={run}
      {...learnable(`do:${id}`)}
    >
      <Icon name={icon} />
      <KnobTag target={`do:${id}`} />
    </button>
  );
}

function signed(ms: number): string {
  const whole = Math.round(ms);
  return whole > 0 ? `+${whole}` : String(whole).replace('-', '−');
}
