import { useMemo } from 'preact/hooks';
import { allLooks, deleteLook, type Look, lit, valuesOf } from '../state/looks';
import { waiting } from '../state/settings';
import * as store from '../state/store';
import { takeBack } from './actions';
import { blobs } from './blobs';
import { useShow } from './context';
import { Icon } from './icons';
import { Keep } from './Keep';
import { lookKey } from './keys';
import { KnobTag, learnable } from './learn';
import { endPreview, preview } from './Preview';
import { Transition } from './Transition';

/** Looks as cards: the server's, and one's own. */
export function Looks() {
  const show = useShow();
  return (
    <>
      <ul class="looks">
        {allLooks.value.map((look, index) => (
          <li key={look.id}>
            <Card look={look} shortcut={lookKey(index)} pick={() => show.look(look)} />
          </li>
        ))}
      </ul>
      <Transition />
      <Keep />
    </>
  );
}

/** what a look is called while it is dragged */
export const DRAGGED_LOOK = 'application/x-phosphene-look';

interface CardProps {
  look: Look;
  shortcut: string;
  pick: () => void;
  /** nothing can be deleted here */
  plain?: boolean;
}

export function Card({ look, shortcut, pick, plain = false }: CardProps) {
  const { id, name, own } = look;
  const hint = String(look.values['prompt.base_prompt'] ?? name);
  const seen = usePicture(store.thumbnails.value[id]);
  // a look that ships has its picture; where that address leads nowhere, what lies below is seen
  const still = own ? undefined : `url("api/presets/${encodeURIComponent(name)}.webp")`;
  const picture = seen ?? (still && `center / cover ${still}, ${blobs(hint)}`);
  const on = lit.value === id;
  // taken last, but something was changed since
  const waits =
    store.chosenLook.value === id && Object.keys(look.values).some((path) => path in waiting.value);
  const changed = !on && store.chosenLook.value === id;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: keys take the look to a cue with K, or in the cue itself
    <div
      class={`look ${waits ? 'waits' : ''}`}
      draggable
      onDragStart={({ dataTransfer }) => dataTransfer?.setData(DRAGGED_LOOK, id)}
      onPointerEnter={({ pointerType, currentTarget }) =>
        pointerType === 'mouse' && preview(currentTarget, valuesOf(look))
      }
      onPointerLeave={endPreview}
      {...learnable(id)}
    >
      <button
        type="button"
        class={`look-pick ${changed ? 'changed' : ''}`}
        aria-pressed={on}
        aria-label={changed ? `${name}, changed since: take it again` : name}
        aria-keyshortcuts={shortcut.replace('⇧', 'Shift+') || undefined}
        title={hint}
        onFocus={({ currentTarget }) => {
          if (currentTarget.matches(':focus-visible')) preview(currentTarget, valuesOf(look));
        }}
        onBlur={endPreview}
        onClick={() => {
          endPreview();
          pick();
        }}
      >
        <span
          class="look-picture"
          data-key={shortcut || undefined}
          style={{ background: picture ?? blobs(hint) }}
        />
        <span class="look-name">{name}</span>
      </button>
      <KnobTag target={id} />
      {own && !plain && (
        <button
          type="button"
          class="look-remove"
          aria-label={`Delete ${name}`}
          onClick={() => {
            deleteLook(name);
            store.offer.value = {
              text: `“${name}” is deleted.`,
              choices: [{ label: 'Undo', run: takeBack }],
            };
          }}
        >
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}

/** A stored JPEG as a CSS picture; blob addresses pass the content security policy, data ones do not. */
function usePicture(base64: string | undefined): string | undefined {
  return useMemo(() => {
    if (base64 === undefined) return undefined;
    try {
      const bytes = Uint8Array.from(atob(base64), (ch) => ch.charCodeAt(0));
      const address = URL.createObjectURL(new Blob([bytes], { type: 'image/jpeg' }));
      return `center / cover url("${address}")`;
    } catch {
      return undefined;
    }
  }, [base64]);
}
