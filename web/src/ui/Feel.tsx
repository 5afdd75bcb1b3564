import { change, numberSetting } from '../state/settings';
import * as store from '../state/store';
import { rollSeed } from './actions';
import { useShow } from './context';
import { controlAt, Field } from './Field';
import { Icon } from './icons';
import { KnobTag, learnable } from './learn';

/** up front, in the words of somebody who plays */
const FEEL: [path: string, label: string][] = [
  ['react.reactivity', 'Reactivity'],
  ['stream.pace', 'Pace'],
  ['stream.anchor', 'Hold to the shape'],
  ['camera.zoom', 'Zoom'],
  ['camera.rotate', 'Turn'],
  ['camera.beat_punch', 'Punch on the beat'],
];

/** what else counts while a picture is drawn over */
const SEEING: [path: string, label: string][] = [
  ['stream.strength', 'Change what is seen'],
  ['stream.detail', 'Keep its fine lines'],
];

/** The few settings that a show is played with. */
export function Feel() {
  const show = useShow();
  const seeing = store.seeing.value !== 'nothing';
  const list = seeing ? [...SEEING, ...FEEL] : FEEL;
  return (
    <>
      {list.map(([path, label]) => {
        const control = controlAt(path);
        return control && <Field key={path} control={control} label={label} />;
      })}
      <div class="seed">
        <button
          type="button"
          class="button"
          title="Go to a new place (N)"
          onClick={() => show.scene()}
          {...learnable('do:scene')}
        >
          <Icon name="place" /> New place <KnobTag target="do:scene" />
        </button>
        <button
          type="button"
          class="button"
          title="Roll a new seed (D)"
          onClick={rollSeed}
          {...learnable('do:dice')}
        >
          <Icon name="dice" /> Roll <KnobTag target="do:dice" />
        </button>
        <label class="seed-number">
          Seed
          <input
            type="text"
            inputMode="numeric"
            class="number"
            value={String(numberSetting('inference.seed'))}
            onChange={({ currentTarget }) => {
              const seed = Number(currentTarget.value);
              if (Number.isInteger(seed)) change('inference.seed', seed);
              currentTarget.value = String(numberSetting('inference.seed'));
            }}
          />
        </label>
      </div>
    </>
  );
}
