import { useEffect, useRef } from 'preact/hooks';
import { useShow } from './context';
import { drawIris } from './drawIris';
import { KnobTag, learnable } from './learn';

/** What is heard, as an eye: harmony round the rim, three bands inside, the beat in the pupil. */
export function Iris() {
  const show = useShow();
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => (canvas.current === null ? undefined : drawIris(canvas.current)), []);
  return (
    <div class="iris panel" {...learnable('do:tap')}>
      <button
        type="button"
        class="iris-tap"
        aria-label="Tap the beat"
        title="What is heard: harmony round the rim; treble, mids and bass inside; the beat in the middle. Tap the beat here, or with T."
        onPointerDown={() => show.beat('tap')}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' && event.key !== ' ') return;
          event.preventDefault();
          if (!event.repeat) show.beat('tap');
        }}
      >
        <canvas ref={canvas} class="iris-canvas" />
      </button>
      <KnobTag target="do:tap" />
    </div>
  );
}
