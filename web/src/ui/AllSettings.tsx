import { isExpert, matches } from '../controls/names';
import type { Control, Section } from '../controls/schema';
import { liveSections } from '../state/settings';
import { Field } from './Field';

/** Every setting that can change now, by section; with words, those that have them all. What no stage needs is apart. */
export function AllSettings({ words }: { words: readonly string[] }) {
  const found = having(liveSections.value, ({ path, label, help }) =>
    matches(path, label, help, words),
  );
  const stage = having(found, ({ path }) => !isExpert(path));
  const expert = having(found, ({ path }) => isExpert(path));
  const searched = words.length > 0;
  return (
    <>
      <section class="part all">
        <h2>{searched ? 'Found' : 'All settings'}</h2>
        {found.length === 0 && <p class="help-text">No setting is called that.</p>}
        <Sections list={stage} open={searched} />
      </section>
      {expert.length > 0 && (
        <section class="part all">
          <h2>For experts</h2>
          <p class="help-text">How the model works inside. Nothing that a stage needs.</p>
          <Sections list={expert} open={searched} />
        </section>
      )}
    </>
  );
}

function Sections({ list, open }: { list: readonly Section[]; open: boolean }) {
  return (
    <>
      {list.map((section) => (
        <details key={section.name} open={open}>
          <summary>
            <span>{section.label}</span>
            <span class="summary-help">{section.help}</span>
          </summary>
          {section.controls.map((control) => (
            <Field key={control.path} control={control} explained />
          ))}
        </details>
      ))}
    </>
  );
}

function having(list: readonly Section[], wanted: (control: Control) => boolean): Section[] {
  return list
    .map((section) => ({ ...section, controls: section.controls.filter(wanted) }))
    .filter((section) => section.controls.length > 0);
}
