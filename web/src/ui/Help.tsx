import { useEffect, useRef } from 'preact/hooks';
import { hello, helpOpen } from '../state/store';
import licence from '../style/familjen-grotesk-OFL.txt?url';
import type { Action } from './actions';
import { Icon } from './icons';

const NAMES: Record<string, string> = { ' ': 'Space', ArrowUp: '↑', ArrowDown: '↓' };

/** The keys, and the few things worth knowing. */
export function Help({ list }: { list: readonly Action[] }) {
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
                  <kbd key={key}>{NAMES[key] ?? key.toUpperCase()}</kbd>
                ))}
              </dt>
              <dd>{label}</dd>
            </div>
          ))}
          <div>
            <dt>
              <kbd>1</kbd>–<kbd>9</kbd>
            </dt>
            <dd>Looks</dd>
          </div>
        </dl>
        <p>
          Drop a song or a video anywhere. Double-click the picture for full screen. Press Enter in
          a prompt to send it; <code>(word:1.3)</code> weighs a word.
        </p>
        <p>MIDI: press M, click a control, move a knob. Click the knob’s tag to forget it.</p>
        <p class="help-text">
          phosphene {hello.value?.version} with {hello.value?.model.name}. Typeface: Familjen
          Grotesk (<a href={licence}>OFL 1.1</a>).
        </p>
      </div>
    </dialog>
  );
}
