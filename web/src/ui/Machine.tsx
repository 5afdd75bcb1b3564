import { setting } from '../state/settings';
import { figures, helpOpen, session, stats } from '../state/store';
import { useShow } from './context';
import { Switch } from './Devices';
import { controlAt, Field } from './Field';
import { openOutput } from './output';
import { Size } from './Size';
import { PINNED } from './switches';

/** What the machine does and how hard it works; what belongs to this window. */
export function Machine() {
  const adapt = controlAt('live.adapt');
  const fade = controlAt('live.fade_seconds');
  const unsafe = setting('video.limit_flashes').value === false;
  return (
    <>
      <Doing />
      <Size />
      {adapt && <Field control={adapt} />}
      {fade && <Field control={fade} />}
      {unsafe && (
        <p class="warning" role="alert">
          Strobing can trigger seizures. Warn the people in the room before they come in.
        </p>
      )}
      <Switch {...PINNED} />
      <div class="links">
        <button
          type="button"
          class="text-button"
          onClick={() => {
            helpOpen.value = true;
          }}
        >
          Keys and help
        </button>
        <button type="button" class="text-button" onClick={() => void openOutput()}>
          Output window (W)
        </button>
        <a class="text-button" href="view" target="_blank" rel="noreferrer">
          Picture alone, for OBS
        </a>
        {session.value !== '' && (
          <a class="text-button" href={`api/sessions/${session.value}/config.toml`} download>
            Settings as a file
          </a>
        )}
      </div>
    </>
  );
}

function Doing() {
  const now = stats.value;
  const seen = figures.value;
  const plainly = useShow().plainly;
  if (now === null) return null;
  const { width, height, steps } = now.level;
  const size = `${width} × ${height}, ${steps === 1 ? 'one step' : `${steps} steps`}`;
  return (
    <div class="doing" role="status">
      <p>
        {now.lowered ? `Draws ${size} for now` : `Keeps up: draws ${size}`}, {now.fps.toFixed(0)}{' '}
        pictures a second.
      </p>
      {now.lowered && now.reason !== '' && <p class="help-text">{sentence(now.reason)}</p>}
      {seen !== null && seen.stillMs === 0 && (
        <p class="help-text">
          {seen.screenFps.toFixed(0)} shown, {seen.fps.toFixed(0)} drawn a second; motion{' '}
          {Math.round(seen.motionMs)} ms
          {Number.isNaN(seen.ageMs) ? '' : `, picture ${Math.round(seen.ageMs)} ms`} old.
        </p>
      )}
      {plainly !== '' && (
        <p class="help-text">Drawn on the processor, without ripples in between: {plainly}.</p>
      )}
      <p class="help-text">
        Processor {Math.round(now.load.cpu_percent)} %, memory {Math.round(now.load.memory_mb)} MB
        {now.load.gpu ? `, graphics card ${Math.round(now.load.gpu.memory_mb)} MB` : ''}
      </p>
    </div>
  );
}

function sentence(text: string): string {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return start.endsWith('.') ? start : `${start}.`;
}
