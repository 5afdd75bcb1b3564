import { useEffect, useState } from 'preact/hooks';
import { farewell, learning, learningFor, linkState, notice, soundHeld } from '../state/store';
import { useShow } from './context';
import { Icon } from './icons';

const NOTICE_MS = 9000;
const PATIENCE_MS = 900;

/** What everybody should know now, quietly: the line, the sound, what went wrong. */
export function Banners() {
  return (
    <div class="banners">
      <LinkBanner />
      {soundHeld.value && (
        <p class="banner">The browser holds the sound back: click or press any key.</p>
      )}
      {learning.value && (
        <p class="banner">
          {learningFor.value === ''
            ? 'Click a control to give it a knob. Esc ends.'
            : 'Now move a knob or strike a pad.'}
        </p>
      )}
      <Notice />
    </div>
  );
}

function LinkBanner() {
  const show = useShow();
  const state = linkState.value;
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (state === 'open') {
      setLate(false);
      return undefined;
    }
    // a short hiccup is not worth a word
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [state]);
  if (state === 'open' || (!late && state !== 'ended')) return null;
  if (state === 'ended') {
    return (
      <p class="banner" role="alert">
        {farewell.value}
        <button type="button" class="text-button" onClick={() => show.connectAgain()}>
          Connect again
        </button>
      </p>
    );
  }
  return (
    <p class="banner" role="alert" data-banner="lost">
      {farewell.value === ''
        ? 'The line is cut. The last picture stays; trying again.'
        : farewell.value}
    </p>
  );
}

function Notice() {
  const text = notice.value;
  useEffect(() => {
    if (text === '') return undefined;
    const timer = setTimeout(() => {
      notice.value = '';
    }, NOTICE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  if (text === '') return null;
  return (
    <p class="banner" role="alert">
      {text}
      <button
        type="button"
        class="quiet"
        aria-label="Dismiss"
        onClick={() => {
          notice.value = '';
        }}
      >
        <Icon name="close" />
      </button>
    </p>
  );
}
