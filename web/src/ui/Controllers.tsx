import { deviceOf, MODES, type Mode, nameOf, toFile } from '../controls/midi';
import { labelOf, NAMES } from '../controls/names';
import { words } from '../controls/schema';
import { download } from '../picture/recorder';
import { find } from '../state/looks';
import * as store from '../state/store';
import { useActions } from './context';
import { Switch } from './Devices';
import { Icon } from './icons';
import { FEEDBACK, FOLLOW, TAKEOVER } from './switches';

/** Knobs, pads and keys: what plays what, and how they are read. */
export function Controllers() {
  const list = useActions();
  const mapped = Object.entries(store.bindings.value);
  const plugged = store.controllers.value;
  const name = (target: string): string => {
    const action = list.find(({ id }) => id === target);
    if (action !== undefined) return action.label;
    if (target === 'page:volume') return 'Volume';
    const look = find(target);
    if (look !== undefined) return `Look ${look.name}`;
    return target in NAMES ? labelOf(target, target) : words(target.split('.').pop() ?? target);
  };
  return (
    <>
      <p class="help-text">
        {plugged.length > 0
          ? `Plugged in: ${plugged.join(', ')}.`
          : 'Learn a knob, a pad or a key: press M, click a control, move the knob to the right.'}
      </p>
      <div class="links">
        <button
          type="button"
          class="text-button"
          aria-pressed={store.learning.value}
          onClick={() => {
            store.learning.value = !store.learning.peek();
          }}
        >
          <Icon name="midi" /> {store.learning.value ? 'Done learning' : 'Learn (M)'}
        </button>
        <button
          type="button"
          class="text-button"
          disabled={mapped.length === 0}
          onClick={() =>
            download(
              new File([toFile(store.bindings.peek())], 'phosphene controllers.json', {
                type: 'application/json',
              }),
            )
          }
        >
          Export
        </button>
        <span class="help-text">To bring a mapping back, drop its file on the page.</span>
      </div>
      <Switch {...TAKEOVER} />
      <Switch {...FEEDBACK} />
      <Switch {...FOLLOW} />
      {mapped.length > 0 && (
        <ul class="mappings">
          {mapped.map(([source, { target, mode }]) => (
            <li key={source}>
              <span class="mapping-name">
                {name(target)}
                <span class="help-text">
                  {nameOf(source)}
                  {deviceOf(source) === '*' ? '' : `, ${deviceOf(source)}`}
                </span>
              </span>
              {source.includes('/cc:') && (
                <select
                  value={mode}
                  aria-label={`How ${nameOf(source)} is read`}
                  onChange={(event) => {
                    const next = event.currentTarget.value as Mode;
                    store.bindings.value = {
                      ...store.bindings.peek(),
                      [source]: { target, mode: next },
                    };
                  }}
                >
                  {Object.entries(MODES).map(([one, text]) => (
                    <option key={one} value={one}>
                      {text}
                    </option>
                  ))}
                </select>
              )}
              <button
                type="button"
                class="quiet"
                aria-label={`Forget ${nameOf(source)}`}
                onClick={() => {
                  const { [source]: _, ...others } = store.bindings.peek();
                  store.bindings.value = others;
                }}
              >
                <Icon name="close" />
              </button>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
