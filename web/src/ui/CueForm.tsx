import { useState } from 'preact/hooks';
import type { Control } from '../controls/schema';
import { type Cue, moved, placeOf, snap, whereText } from '../set/model';
import { allLooks } from '../state/looks';
import { analysisOf, chosenCue, editCues, opened, openedSong } from '../state/set';
import { liveSections, setting } from '../state/settings';
import { controlAt } from './Field';
import { Icon } from './icons';
import { Choice, NumberBox, Text, Toggle, Typed } from './inputs';
import { removeCue } from './SetWave';

/** What the chosen cue does, and where. */
export function CueForm() {
  const song = openedSong.value;
  const index = chosenCue.value;
  const cue = song?.cues[index];
  if (song === undefined) return null;
  if (cue === undefined)
    return (
      <p class="help-text">
        Drag a look onto the waveform, or press K where the song is. Click a cue to change it.
      </p>
    );
  const bars = analysisOf(song)?.bars ?? [];
  const put = (next: Cue): void => {
    const { at: _, bar: __, ...does } = next;
    // a cue that does nothing goes to a new place, rather than being none
    const whole = Object.keys(does).length === 0 ? { ...next, scene: true as const } : next;
    editCues('a cue', opened.peek(), (all) => all.with(index, whole), whole);
  };
  const at = placeOf(cue, bars);
  return (
    <div class="cue-form" key={index}>
      <label for="cue-place">
        {bars.length > 0 ? 'Bar' : 'Seconds'}
        <Typed
          id="cue-place"
          number
          class="number"
          value={bars.length > 0 ? String(bars.indexOf(snap(at, bars)) + 1) : at.toFixed(2)}
          title={whereText(at, bars)}
          take={(value) => {
            const number = Number(value);
            const to = bars.length > 0 ? bars[number - 1] : number;
            if (to !== undefined && to >= 0) put(moved(cue, to));
          }}
        />
      </label>
      <label>
        Look
        <select
          aria-label="Look of the cue"
          value={cue.look ?? ''}
          onChange={({ currentTarget: { value } }) => {
            const { look: _, ...rest } = cue;
            put(value === '' ? rest : { ...cue, look: value });
          }}
        >
          <option value="">As it is</option>
          {[...new Set([...allLooks.value.map(({ name }) => name), cue.look ?? ''])]
            .filter((name) => name !== '')
            .map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
        </select>
      </label>
      <label class="wide" for="cue-prompt">
        Prompt
        <Typed
          id="cue-prompt"
          label="Prompt of the cue"
          placeholder="as it is"
          value={cue.prompt ?? ''}
          take={(value) => {
            const { prompt: _, ...rest } = cue;
            put(value.trim() === '' ? rest : { ...cue, prompt: value.trim() });
          }}
        />
      </label>
      <label for="cue-takes">
        Takes, s
        <Typed
          id="cue-takes"
          number
          class="number"
          placeholder="as set"
          title="Seconds from what was shown to this"
          value={cue.transition === undefined ? '' : String(cue.transition)}
          take={(value) => {
            const { transition: _, ...rest } = cue;
            const seconds = Number(value.replace(',', '.'));
            put(value.trim() === '' || !(seconds >= 0) ? rest : { ...cue, transition: seconds });
          }}
        />
      </label>
      <label>
        Light
        <select
          aria-label="Light of the cue"
          value={cue.blackout === undefined ? '' : String(cue.blackout)}
          onChange={({ currentTarget: { value } }) => {
            const { blackout: _, ...rest } = cue;
            put(value === '' ? rest : { ...cue, blackout: value === 'true' });
          }}
        >
          <option value="">As it is</option>
          <option value="true">Blackout</option>
          <option value="false">Light again</option>
        </select>
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={cue.scene === true}
          onChange={({ currentTarget: { checked } }) => {
            const { scene: _, ...rest } = cue;
            put(checked ? { ...cue, scene: true } : rest);
          }}
        />
        New place
      </label>
      <Settings cue={cue} put={put} />
      <button type="button" class="text-button" onClick={() => removeCue(index)}>
        <Icon name="close" /> Remove this cue
      </button>
    </div>
  );
}

/** Any setting that a cue makes. */
function Settings({ cue, put }: { cue: Cue; put: (next: Cue) => void }) {
  const [path, setPath] = useState('');
  const made = Object.entries(cue.set ?? {});
  return (
    <>
      {made.map(([each, value]) => {
        const control = controlAt(each);
        return (
          <div class="cue-setting" key={each}>
            <label for={`cue-${each}`}>{control?.label ?? each}</label>
            {control && (
              <Input
                control={control}
                value={value}
                set={(next) => put({ ...cue, set: { ...cue.set, [each]: next } })}
              />
            )}
            <button
              type="button"
              class="quiet"
              aria-label={`${control?.label ?? each}: as it is`}
              onClick={() => {
                const { [each]: _, ...others } = cue.set ?? {};
                const { set: __, ...rest } = cue;
                put(Object.keys(others).length === 0 ? rest : { ...cue, set: others });
              }}
            >
              <Icon name="close" />
            </button>
          </div>
        );
      })}
      <label>
        Setting
        <select
          aria-label="Add a setting"
          value={path}
          onChange={({ currentTarget: { value } }) => {
            setPath('');
            if (value !== '') put({ ...cue, set: { ...cue.set, [value]: setting(value).peek() } });
          }}
        >
          <option value="">Add one</option>
          {liveSections.value.map((section) => (
            <optgroup key={section.name} label={section.label}>
              {section.controls.filter(simple).map((control) => (
                <option key={control.path} value={control.path}>
                  {control.label}
                </option>
              ))}
            </optgroup>
          ))}
        </select>
      </label>
    </>
  );
}

function simple({ kind }: Control): boolean {
  return ['slider', 'number', 'switch', 'choice', 'text'].includes(kind);
}

function Input(props: {
  control: Control;
  value: Parameters<typeof Text>[0]['value'];
  set: Parameters<typeof Text>[0]['set'];
}) {
  const shared = { ...props, id: `cue-${props.control.path}` };
  switch (props.control.kind) {
    case 'switch':
      return <Toggle {...shared} />;
    case 'choice':
      return <Choice {...shared} />;
    case 'text':
      return <Text {...shared} />;
    default:
      return <NumberBox {...shared} label={props.control.label} />;
  }
}
