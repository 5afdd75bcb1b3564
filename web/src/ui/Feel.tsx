import { change, numberSetting } from '../state/settings';
import * as store from '../state/store';
import { rollSeed } from './actions';
import { useShow } from './context';
import { controlAt, Field } from './Field';
import { Icon } from './icons';
import { KnobTag, learnable } from './learn';

/** up front */
const FEEL = [
  'react.reactivity',
  'stream.pace',
  'stream.anchor',
  'camera.zoom',
  'camera.rotate',
  'camera.beat_punch',
];

/** what else counts while a picture is drawn over */
const SEEING = ['stream.strength', 'stream.detail'];

/** The few settings that a show is played with. */
export function Feel() {
  const show = useShow();
  const seeing = store.seeing.value !== 'nothing';
  const list = seeing ? [...SEEING, ...FEEL] : FEEL;
  return (
    <>
      {list.map((path) => {
        const control = controlAt(path);
        return control && <Field key={path} control={control} />;
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
