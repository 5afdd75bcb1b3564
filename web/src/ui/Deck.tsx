import { signal } from '@preact/signals';
import { allLooks, type Look, named } from '../state/looks';
import { deckLearning, edit, set } from '../state/set';
import * as store from '../state/store';
import { useShow } from './context';
import { Icon } from './icons';
import { lookKey } from './keys';
import { Card } from './Looks';

const choosing = signal(false);

/** The looks of the deck, in the order of their pads; all of them where none were chosen. */
export function deckLooks(): Look[] {
  const chosen = set.value.deck.flatMap((name) => named(name) ?? []);
  return chosen.length > 0 ? chosen : allLooks.value;
}

/** Looks as a grid that pads fire; dragged onto the waveform they become cues. */
export function Deck() {
  const show = useShow();
  const looks = choosing.value ? allLooks.value : deckLooks();
  const { deck } = set.value;
  const pick = (look: Look): void => {
    if (!choosing.peek()) show.look(look);
    else
      edit('the deck', (before) => ({
        ...before,
        deck: before.deck.includes(look.name)
          ? before.deck.filter((name) => name !== look.name)
          : [...before.deck, look.name],
      }));
  };
  return (
    <div class="deck">
      <ul class="looks">
        {looks.map((look) => {
          const place = deck.indexOf(look.name);
          const shown = choosing.value
            ? place < 0
              ? ''
              : String(place + 1)
            : lookKey(allLooks.value.indexOf(look));
          return (
            <li key={look.id}>
              <Card look={look} shortcut={shown} pick={() => pick(look)} plain />
            </li>
          );
        })}
      </ul>
      <div class="links">
        <button
          type="button"
          class="text-button"
          aria-pressed={choosing.value}
          title="Click looks in the order of the pads"
          onClick={() => {
            choosing.value = !choosing.peek();
          }}
        >
          {choosing.value ? 'Done choosing' : 'Choose the deck'}
        </button>
        <button
          type="button"
          class="text-button"
          aria-pressed={deckLearning.value}
          onClick={() => {
            deckLearning.value = !deckLearning.peek();
            store.learning.value = deckLearning.peek();
            store.learningFor.value = deckLearning.peek() ? (deckLooks()[0]?.id ?? '') : '';
            if (deckLearning.peek())
              store.notice.value =
                'Strike the pads one after the other, in the order of the looks.';
          }}
        >
          <Icon name="midi" /> {deckLearning.value ? 'Done learning' : 'Learn the deck'}
        </button>
      </div>
    </div>
  );
}

/** The look whose pad is learned after that of `id`; empty after the last. */
export function nextInDeck(id: string): string {
  const looks = deckLooks();
  return looks[looks.findIndex((look) => look.id === id) + 1]?.id ?? '';
}
