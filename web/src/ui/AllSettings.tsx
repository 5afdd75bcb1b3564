import type { Control } from '../controls/schema';
import { liveSections } from '../state/settings';
import { Field } from './Field';

/** Every setting that can change now, by section; with words, those that have them all. */
export function AllSettings({ words }: { words: readonly string[] }) {
  const found = liveSections.value
    .map((section) => ({ ...section, controls: section.controls.filter((c) => matches(c, words)) }))
    .filter((section) => section.controls.length > 0);
  return (
    <section class="part all">
      <h2>{words.length > 0 ? 'Found' : 'All settings'}</h2>
      {found.length === 0 && <p class="help-text">No setting is called that.</p>}
      {found.map((section) => (
        <details key={section.name} open={words.length > 0}>
          <summary>
            <span>{section.label}</span>
            <span class="summary-help">{section.help}</span>
          </summary>
          {section.controls.map((control) => (
            <Field key={control.path} control={control} explained />
          ))}
        </details>
      ))}
    </section>
  );
}

function matches(control: Control, words: readonly string[]): boolean {
  const text = `${control.path} ${control.label} ${control.help}`.toLowerCase();
  return words.every((word) => text.includes(word));
}
