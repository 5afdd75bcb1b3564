import { useMemo } from 'preact/hooks';
import type { Preset } from '../controls/presets';
import type { Show } from '../show/show';
import { changeAll } from '../state/settings';
import * as store from '../state/store';
import { blobs } from './blobs';
import { useShow } from './context';
import { Icon } from './icons';
import { Keep } from './Keep';
import { KnobTag, learnable } from './learn';

/** Looks as cards: the server's, and one's own. */
export function Looks() {
  const show = useShow();
  const looks = store.hello.value?.looks ?? [];
  return (
    <>
      <ul class="looks">
        {looks.map(({ name, values }) => (
          <li key={name}>
            <Card
              name={name}
              hint={String(values['prompt.base_prompt'] ?? name)}
              pick={() => show.look(name)}
            />
          </li>
        ))}
        {store.presets.value.map((preset) => (
          <li key={preset.name}>
            <Card
              name={preset.name}
              hint={preset.name}
              pick={() => use(show, preset)}
              remove={() => {
                store.presets.value = store.presets
                  .peek()
                  .filter(({ name }) => name !== preset.name);
              }}
            />
          </li>
        ))}
      </ul>
      <Keep />
    </>
  );
}

interface CardProps {
  name: string;
  hint: string;
  pick: () => void;
  remove?: () => void;
}

function Card({ name, hint, pick, remove }: CardProps) {
  const picture = usePicture(store.thumbnails.value[name]);
  const active = store.activeLook.value === name;
  return (
    <div class="look" {...learnable(`look:${name}`)}>
      <button type="button" class="look-pick" aria-pressed={active} title={hint} onClick={pick}>
        <span class="look-picture" style={{ background: picture ?? blobs(hint) }} />
        <span class="look-name">{name}</span>
      </button>
      <KnobTag target={`look:${name}`} />
      {remove && (
        <button type="button" class="look-remove" aria-label={`Delete ${name}`} onClick={remove}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}

function use(show: Show, preset: Preset): void {
  changeAll(preset.values);
  show.takes.settle(preset.name);
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
