import { useEffect, useRef } from 'preact/hooks';
import { clockTime } from '../picture/time';
import { idle, playing, song, soundHeld } from '../state/store';
import { useShow } from './context';
import { drawSong } from './drawSong';
import { Icon } from './icons';

/** The song along its length: how loud, where the beats and sections are, where it is now. */
export function SongStrip() {
  const show = useShow();
  const canvas = useRef<HTMLCanvasElement>(null);
  const slider = useRef<HTMLInputElement>(null);
  const time = useRef<HTMLSpanElement>(null);
  const { element } = show.sources.player;
  useEffect(() => {
    let frame = 0;
    const draw = (): void => {
      frame = requestAnimationFrame(draw);
      const info = song.peek();
      if (idle.peek() || info === null || canvas.current === null) return;
      const at = element.currentTime;
      const length = element.duration || info.duration || 1;
      drawSong(canvas.current, info, at, length);
      if (slider.current !== null && document.activeElement !== slider.current) {
        slider.current.valueAsNumber = at / length;
      }
      const text = `${clockTime(at)} of ${clockTime(length)}`;
      if (time.current !== null && time.current.textContent !== text)
        time.current.textContent = text;
    };
    draw();
    return () => cancelAnimationFrame(frame);
  }, [element]);
  const info = song.value;
  if (info === null) return null;
  const label = playing.value ? 'Pause (space)' : 'Play (space)';
  return (
    <section class="song" aria-label="Song">
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
          <span class="song-name">{info.name}</span>
          <span class="song-state" role="status">
            {info.state === 'ready' ? `${info.tempo.toFixed(1)} beats a minute` : progressText()}
          </span>
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
            aria-label="Position in the song"
            onInput={(event) => {
              const length = element.duration || info.duration;
              if (length > 0) element.currentTime = event.currentTarget.valueAsNumber * length;
            }}
            onPointerUp={(event) => event.currentTarget.blur()}
          />
        </div>
      </div>
    </section>
  );
}

function progressText(): string {
  const info = song.value;
  if (info === null) return '';
  if (info.state === 'failed') return info.text;
  const doing = info.state === 'sending' ? 'sending it' : 'listening to all of it';
  return `${doing}, ${Math.round(info.progress * 100)} %`;
}
