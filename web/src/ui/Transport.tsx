import { useEffect, useRef } from 'preact/hooks';
import { clockTime } from '../picture/time';
import { heard, hearing, idle, playing, seeing, song, soundHeld } from '../state/store';
import { useShow } from './context';
import { drawSong } from './drawSong';
import { Icon } from './icons';
import { useTempo } from './tempo';

/** The song, or the film, along its length: where it is now, and what was heard in it. */
export function Transport({ choose }: { choose: () => void }) {
  const show = useShow();
  const canvas = useRef<HTMLCanvasElement>(null);
  const slider = useRef<HTMLInputElement>(null);
  const time = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    let frame = 0;
    const draw = (): void => {
      frame = requestAnimationFrame(draw);
      const { deck } = show.sources;
      if (idle.peek() || deck === null || canvas.current === null) return;
      const info = hearing.peek() === 'song' ? song.peek() : null;
      const at = deck.element.currentTime;
      const length = deck.element.duration || info?.duration || 1;
      drawSong(canvas.current, info, at, length, heard.now?.tempo ?? 0);
      if (slider.current !== null && document.activeElement !== slider.current) {
        slider.current.valueAsNumber = at / length;
      }
      const text = `${clockTime(at)} of ${clockTime(length)}`;
      if (time.current !== null && time.current.textContent !== text)
        time.current.textContent = text;
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [show]);
  // which of them it is, is not a signal
  void [hearing.value, seeing.value, song.value];
  const { deck } = show.sources;
  if (deck === null) return null;
  const isSong = hearing.value === 'song';
  const what = isSong ? 'song' : 'video';
  const label = playing.value ? 'Pause (space)' : 'Play (space)';
  return (
    <section class="song" aria-label={isSong ? 'Song' : 'Video that is played'}>
      <button
        type="button"
        class={`play ${soundHeld.value ? 'wanted' : ''}`}
        title={label}
        aria-label={label}
        onClick={() => void show.sources.playPause()}
      >
        <Icon name={playing.value ? 'pause' : 'play'} />
      </button>
      <div class="song-body">
        <p class="song-head">
          <span class="song-name">{deck.file.name.replace(/\.[^.]+$/, '')}</span>
          {isSong && <SongState />}
          <span class="figure" ref={time} />
        </p>
        <div class="song-strip">
          <canvas ref={canvas} />
          <input
            ref={slider}
            type="range"
            class="seek"
            min={0}
            max={1}
            step="any"
            aria-label={`Position in the ${what}`}
            onInput={({ currentTarget }) => {
              const element = show.sources.deck?.element;
              if (element !== undefined && element.duration > 0)
                element.currentTime = currentTarget.valueAsNumber * element.duration;
            }}
            onPointerUp={(event) => event.currentTarget.blur()}
          />
        </div>
      </div>
      <button
        type="button"
        class="tool"
        title={`Another ${what}`}
        aria-label={`Another ${what}`}
        onClick={choose}
      >
        <Icon name="file" />
      </button>
    </section>
  );
}

function SongState() {
  const { tempo } = useTempo();
  const info = song.value;
  if (info === null) return null;
  const beat = tempo > 0 ? `${tempo.toFixed(1)} beats a minute` : 'no steady beat';
  return (
    <span class="song-state" role="status">
      {info.state === 'ready' ? beat : progressText()}
    </span>
  );
}

function progressText(): string {
  const info = song.value;
  if (info === null) return '';
  if (info.state === 'failed') return info.text;
  const doing = info.state === 'sending' ? 'sending it' : 'listening to all of it';
  return `${doing}, ${Math.round(info.progress * 100)} %`;
}
