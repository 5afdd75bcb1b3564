import { useActions } from './context';
import { Switch } from './Devices';
import { KEY_NAMES } from './Help';
import { KnobTag, learnable } from './learn';
import { PAGE_SWITCHES } from './switches';

/** What the search finds besides settings: all that a key can do, and the page's own switches. */
export function Found({ words }: { words: readonly string[] }) {
  const said = (text: string): boolean => words.every((word) => text.toLowerCase().includes(word));
  const acts = useActions().filter(({ label, also = '' }) => said(`${label} ${also}`));
  const switches = PAGE_SWITCHES.filter(({ label, also }) => said(`${label} ${also}`));
  if (acts.length + switches.length === 0) return null;
  return (
    <section class="part">
      <h2>To do</h2>
      <ul class="acts">
        {acts.map(({ id, label, keys, run }) => (
          <li key={id} {...learnable(id)}>
            <button type="button" class="past-prompt" onClick={run}>
              {label}
              {keys.slice(0, 1).map((key) => (
                <kbd key={key}>{KEY_NAMES[key] ?? key.toUpperCase()}</kbd>
              ))}
            </button>
            <KnobTag target={id} />
          </li>
        ))}
      </ul>
      {switches.map((one) => (
        <Switch key={one.label} {...one} />
      ))}
    </section>
  );
}
