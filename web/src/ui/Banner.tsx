import { useEffect, useState } from 'preact/hooks';
import { labelOf } from '../controls/names';
import { find } from '../state/looks';
import { dontWait, letBe, waiting } from '../state/settings';
import {
  chosenLook,
  farewell,
  learning,
  learningFor,
  linkState,
  notice,
  offer,
  soundHeld,
  troubles,
} from '../state/store';
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
            ? 'Click a control to give it a knob, a pad or a key. Esc ends.'
            : 'Now turn a knob to the right, strike a pad, or press a key.'}
        </p>
      )}
      <Troubles />
      <Waits />
      <Offered />
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
      {farewell.value === '' ? 'The line is cut.' : capital(farewell.value)} The last picture stays;
      what you change is done when it is back.
    </p>
  );
}

/** What a camera or a microphone lacks, as long as it lacks it. */
function Troubles() {
  const { camera, mic } = troubles.value;
  return (
    <>
      {[camera.text, mic.text]
        .filter((text) => text !== '')
        .map((text) => (
          <p key={text} class="banner warn" role="alert">
            {text}
          </p>
        ))}
    </>
  );
}

/** What happens with the next beat, bar or section. */
function Waits() {
  const paths = Object.keys(waiting.value);
  if (paths.length === 0) return null;
  const when = [...new Set(Object.values(waiting.value))].join(', ');
  const look = find(chosenLook.value);
  const isLook = look !== undefined && paths.length > 3;
  const [only = ''] = paths;
  const what = isLook ? look.name : labelOf(only, only);
  const more = !isLook && paths.length > 1 ? ` and ${paths.length - 1} more` : '';
  return (
    <p class="banner" role="status" data-banner="waits">
      {what}
      {more} waits for the next {when}.
      <button type="button" class="text-button" onClick={dontWait}>
        Now
      </button>
      <button type="button" class="text-button" onClick={letBe}>
        Leave it
      </button>
    </p>
  );
}

function Offered() {
  const now = offer.value;
  useEffect(() => {
    if (now === null || now.stays) return undefined;
    const timer = setTimeout(() => {
      offer.value = null;
    }, NOTICE_MS);
    return () => clearTimeout(timer);
  }, [now]);
  if (now === null) return null;
  return (
    <p class="banner" role="alert">
      {now.text}
      {now.choices.map(({ label, run }) => (
        <button
          key={label}
          type="button"
          class="text-button"
          onClick={() => {
            offer.value = null;
            run();
          }}
        >
          {label}
        </button>
      ))}
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

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
