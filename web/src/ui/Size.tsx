import { changeAll, setting } from '../state/settings';
import { hello } from '../state/store';

const PRESETS = [
  ['1280 × 720', 1280, 720],
  ['1920 × 1080', 1920, 1080],
  ['3840 × 2160', 3840, 2160],
  ['Square', 1080, 1080],
  ['Vertical 9:16', 1080, 1920],
] as const;
const OWN = 'own';

/** The size of the show: of recordings and all that leaves, whatever is drawn inside; the page takes its shape. */
export function Size() {
  const width = Number(setting('inference.width').value);
  const height = Number(setting('inference.height').value);
  const most = hello.value?.model.max_size ?? 0;
  const multiple = hello.value?.model.size_multiple ?? 8;
  if (!width || !height) return null;
  const fits = (side: number): boolean => side <= most && side % multiple === 0;
  const at = PRESETS.findIndex(([, w, h]) => w === width && h === height);
  return (
    <label class="field field-row">
      <span>Size of the picture</span>
      <select
        value={at < 0 ? OWN : String(at)}
        onChange={({ currentTarget }) => {
          const found = PRESETS[Number(currentTarget.value)];
          if (found === undefined) return;
          changeAll({ 'inference.width': found[1], 'inference.height': found[2] }, 'now');
        }}
      >
        {at < 0 && <option value={OWN}>{`${width} × ${height}`}</option>}
        {PRESETS.map(([name, w, h], index) => (
          <option key={name} value={String(index)} disabled={!(fits(w) && fits(h))}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
