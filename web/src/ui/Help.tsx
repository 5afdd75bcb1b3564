import { useEffect, useRef } from 'preact/hooks';
import { composing, hello, helpOpen } from '../state/store';
import licence from '../style/familjen-grotesk-OFL.txt?url';
import type { Action } from './actions';
import { useShow } from './context';
import { playDemo } from './files';
import { Icon } from './icons';

export const KEY_NAMES: Record<string, string> = {
  ' ': 'Space',
  ArrowUp: '↑',
  ArrowDown: '↓',
  ArrowLeft: '←',
  ArrowRight: '→',
  PageUp: 'Page ↑',
  PageDown: 'Page ↓',
  Backspace: '⌫',
};

/** The keys, and the few things worth knowing. */
export function Help({ list }: { list: readonly Action[] }) {
  const show = useShow();
  const dialog = useRef<HTMLDialogElement>(null);
  const open = helpOpen.value;
  useEffect(() => {
    if (open) dialog.current?.showModal();
    else dialog.current?.close();
  }, [open]);
  const close = (): void => {
    helpOpen.value = false;
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the Escape key closes a dialog by itself
    <dialog
      ref={dialog}
      class="help"
      aria-labelledby="help-title"
      onClose={close}
      onClick={(event) => {
        if (event.target === dialog.current) close();
      }}
    >
      <div class="help-body">
        <button type="button" class="help-close" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
        <h2 id="help-title">Keys</h2>
        <dl class="keys">
          {list.map(({ id, label, keys }) => (
            <div key={id}>
              <dt>
                {keys.map((key) => (
                  <kbd key={key}>{KEY_NAMES[key] ?? key.toUpperCase()}</kbd>
                ))}
              </dt>
              <dd>{label}</dd>
            </div>
          ))}
          <div>
            <dt>
              <kbd>1</kbd>–<kbd>0</kbd>
            </dt>
            <dd>Looks; with Shift the next ten</dd>
          </div>
        </dl>
        <p>
          Drop a song or a video anywhere. Double-click the picture for full screen. Press Enter in
          a prompt to send it; <code>(word:1.3)</code> weighs a word.
        </p>
        <p>
          MIDI and other keys: press M, click a control, turn a knob to the right, strike a pad or
          press a key. Click the tag to forget it.
        </p>
        <div class="links">
          <button
            type="button"
            class="text-button"
            disabled={composing.value}
            onClick={() => {
              close();
              void playDemo(show);
            }}
          >
            Play a song that phosphene composes
          </button>
        </div>
        <p class="help-text">
          phosphene {hello.value?.version} with {hello.value?.model.name}. Typeface: Familjen
          Grotesk (<a href={licence}>OFL 1.1</a>).
        </p>
      </div>
    </dialog>
  );
}
