import { useState } from 'preact/hooks';
import { fromFile, lookValues, save, toFile } from '../controls/presets';
import { download } from '../picture/recorder';
import { all, liveSections } from '../state/settings';
import * as store from '../state/store';
import { useShow } from './context';

/** Save, export and import one's own looks. */
export function Keep() {
  const show = useShow();
  const [name, setName] = useState('');
  const keep = (event: Event): void => {
    event.preventDefault();
    const live = new Set(liveSections.peek().flatMap((s) => s.controls.map((c) => c.path)));
    const preset = { name: name.trim(), values: lookValues(all(), live) };
    store.presets.value = save(store.presets.peek(), preset);
    store.activeLook.value = preset.name;
    void show.takes.portrait(preset.name);
    setName('');
  };
  const bring = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return;
    try {
      importPresets(await file.text());
    } catch (error) {
      store.notice.value = error instanceof Error ? error.message : String(error);
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
        Keep
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
    const thumbnail = store.thumbnails.peek()[preset.name];
    return thumbnail === undefined ? preset : { ...preset, thumbnail };
  });
  return toFile(pictured);
}

/** Take the presets of a file's text in; throws a sentence where it is none. */
export function importPresets(text: string): void {
  for (const { name, values, thumbnail } of fromFile(text)) {
    store.presets.value = save(store.presets.peek(), { name, values });
    if (thumbnail !== undefined)
      store.thumbnails.value = { ...store.thumbnails.peek(), [name]: thumbnail };
  }
}
