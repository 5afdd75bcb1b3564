import { useEffect, useState } from 'preact/hooks';
import { heard, tapped } from '../state/store';
import { NUDGE_MS } from './actions';
import { useShow } from './context';
import { controlAt, Field } from './Field';
import { KnobTag, learnable } from './learn';
import { useTempo } from './tempo';

/** The tempo that was heard, and the performer's word on it. */
export function BeatPanel() {
  const show = useShow();
  const { tempo, confidence, leader } = useTempo();
  const offset = controlAt('live.latency_offset_ms');
  return (
    <div class="beat">
      <p class="tempo">
        <span class="tempo-figure">{tempo > 0 ? tempo.toFixed(1) : '–'}</span>
        <span class="tempo-unit">
          {tempo > 0
            ? `beats a minute, ${leader === '' ? sure(confidence) : leader}`
            : 'no beat heard yet: tap it'}
          <Beside />
          <Taps />
        </span>
      </p>
      <div class="beat-keys">
        <Key id="tap" label="Tap" title="Tap the beat (T)" run={() => show.beat('tap')} />
        <Key id="half" label="÷2" title="Half the tempo ([)" run={() => show.beat('half')} />
        <Key id="double" label="×2" title="Double the tempo (])" run={() => show.beat('double')} />
        <Key
          id="earlier"
          label="−10 ms"
          title="Beats a little earlier (,)"
          run={() => show.beat('nudge', -NUDGE_MS)}
        />
        <Key
          id="later"
          label="+10 ms"
          title="Beats a little later (.)"
          run={() => show.beat('nudge', NUDGE_MS)}
        />
        <Key
          id="release"
          label="Follow"
          title="Forget taps and nudges: follow the sound again (L)"
          run={() => show.beat('release')}
        />
      </div>
      {offset && <Field control={offset} />}
    </div>
  );
}

/** What is heard while another program counts the beats. */
function Beside() {
  const { leader } = useTempo();
  const { own_tempo = 0, own_off_ms = 0 } = heard.now ?? {};
  if (leader === '' || own_tempo <= 0) return null;
  const off = Math.round(own_off_ms);
  return (
    <span>{`, heard ${own_tempo.toFixed(1)}, ${Math.abs(off)} ms ${off < 0 ? 'later' : 'earlier'}`}</span>
  );
}

/** taps that make a tempo, as the server counts them */
const TAPS = 4;
const SHOWN_MS = 2500;

/** That a tap was heard, and how many it still takes. */
function Taps() {
  const { at, count } = tapped.value;
  const [over, setOver] = useState(0);
  useEffect(() => {
    const timer = setTimeout(() => setOver(at), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [at]);
  if (count === 0 || over === at) return null;
  return (
    <span class="taps" role="status">
      {count < TAPS ? `, tap ${count} of ${TAPS}` : `, ${count} taps`}
    </span>
  );
}

interface KeyProps {
  id: string;
  label: string;
  title: string;
  run: () => void;
}

function Key({ id, label, title, run }: KeyProps) {
  // the beat is where the finger lands, not where it leaves
  return (
    <button
      type="button"
      class="button"
      title={title}
      aria-label={`${label}: ${title}`}
      onPointerDown={run}
      onKeyDown={(event) => {
        if ((event.key === 'Enter' || event.key === ' ') && !event.repeat) run();
      }}
      {...learnable(`do:${id}`)}
    >
      {label}
      <KnobTag target={`do:${id}`} />
    </button>
  );
}

function sure(confidence: number): string {
  if (confidence > 0.7) return 'sure';
  return confidence > 0.35 ? 'fairly sure' : 'a guess';
}
