import { useState } from 'preact/hooks';
import { fromFile, lookValues, toFile } from '../controls/presets';
import { download } from '../picture/recorder';
import { complain } from '../show/sources';
import { keepLook } from '../state/looks';
import { all, liveSections } from '../state/settings';
import * as store from '../state/store';
import { takeBack } from './actions';
import { useShow } from './context';

/** Save, export and import one's own looks. */
export function Keep() {
  const show = useShow();
  const [name, setName] = useState('');
  const taken = store.presets.value.some((preset) => preset.name === name.trim());
  const keep = (event: Event): void => {
    event.preventDefault();
    const live = new Set(liveSections.peek().flatMap((s) => s.controls.map((c) => c.path)));
    const preset = { name: name.trim(), values: lookValues(all(), live) };
    keepLook(preset);
    show.takes.settle(`own:${preset.name}`);
    store.offer.value = {
      text: taken ? `“${preset.name}” is replaced.` : `“${preset.name}” is kept.`,
      choices: [{ label: 'Undo', run: takeBack }],
    };
    setName('');
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  };
  const bring = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return;
    try {
      importPresets(await file.text());
    } catch (error) {
      complain(error);
    }
  };
  return (
    <form class="keep" onSubmit={keep}>
      <input
        type="text"
        maxLength={40}
        placeholder="Name this look to keep it"
        aria-label="Name of a look to keep"
        value={name}
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <button type="submit" class="text-button" disabled={name.trim() === ''}>
        {taken ? 'Replace' : 'Keep'}
      </button>
      <div class="keep-files">
        <label class="text-button">
          Import
          <input
            type="file"
            class="unseen"
            accept="application/json,.json"
            onChange={(event) => void bring(event.currentTarget.files?.[0])}
          />
        </label>
        <button
          type="button"
          class="text-button"
          disabled={store.presets.value.length === 0}
          onClick={() =>
            download(
              new File([exportPresets()], 'phosphene looks.json', { type: 'application/json' }),
            )
          }
        >
          Export
        </button>
      </div>
    </form>
  );
}

/** Presets with their pictures, as a file's text. */
function exportPresets(): string {
  const pictured = store.presets.peek().map((preset) => {
    const thumbnail = store.thumbnails.peek()[`own:${preset.name}`];
    return thumbnail === undefined ? preset : { ...preset, thumbnail };
  });
  return toFile(pictured);
}

/** Take the presets of a file's text in, each of which can be undone; throws a sentence where it is none. */
export function importPresets(text: string): void {
  const chosen = store.chosenLook.peek();
  for (const { name, values, thumbnail } of fromFile(text)) {
    keepLook({ name, values });
    if (thumbnail !== undefined)
      store.thumbnails.value = { ...store.thumbnails.peek(), [`own:${name}`]: thumbnail };
  }
  store.chosenLook.value = chosen;
}
