import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import { same } from '../controls/outbox';
import type { Control } from '../controls/schema';
import { addRoute, drivable } from '../state/routes';
import { change, complaints, defaultOf, liveSections, setting, waiting } from '../state/settings';
import { DRAGGED_SOURCE, DriveButton, DriveForm, DriveMark } from './Drive';
import { Icon } from './icons';
import { Choice, NumberBox, Slider, Text, Toggle } from './inputs';
import { KnobTag, learnable } from './learn';
import { List, Timeline } from './lists';

export interface FieldProps {
  control: Control;
  /** show the description under the control instead of in a tooltip */
  explained?: boolean;
}

/** One setting: its name, its control, the way back, and what is wrong with it. */
export function Field({ control, explained = false }: FieldProps) {
  const { label } = control;
  const id = useId();
  const value = setting(control.path).value;
  const usual = defaultOf(control.path);
  const complaint = complaints.value[control.path];
  const set = (next: typeof value): void => change(control.path, next);
  const shared = { id, control, value, set };
  const row = control.kind === 'switch' || control.kind === 'choice' || control.kind === 'number';
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the button of the slider does the same by keyboard
    <div
      class={`field ${row ? 'field-row' : ''} ${control.path in waiting.value ? 'waits' : ''}`}
      onDragOver={(event) => {
        const source = event.dataTransfer?.types.includes(DRAGGED_SOURCE) ?? false;
        if (source && drivable(control)) event.preventDefault();
      }}
      onDrop={(event) => {
        const source = event.dataTransfer?.getData(DRAGGED_SOURCE) ?? '';
        if (source === '' || !drivable(control)) return;
        event.preventDefault();
        addRoute(control, source);
      }}
      {...learnable(control.path)}
    >
      <div class="field-head">
        <label for={id} title={explained ? undefined : control.help}>
          {label}
        </label>
        <KnobTag target={control.path} />
        {!same(value, usual) && (
          <button
            type="button"
            class="reset"
            title="Back to the usual value"
            aria-label={`${label}: back to the usual value`}
            onClick={() => set(usual)}
          >
            <Icon name="back" />
          </button>
        )}
        {drivable(control) && <DriveButton control={control} />}
        {control.kind === 'slider' && <NumberBox {...shared} id={`${id}-n`} label={label} />}
      </div>
      <Described id={id} help={control.help} path={control.path} seen={explained}>
        {control.kind === 'slider' && (
          <div class="slider-box">
            <Slider {...shared} />
            {drivable(control) && <DriveMark control={control} />}
          </div>
        )}
        {control.auto && (
          <label class="auto">
            <input
              type="checkbox"
              checked={value === 'auto'}
              onChange={({ currentTarget }) => set(currentTarget.checked ? 'auto' : control.min)}
            />
            auto
          </label>
        )}
        {control.kind === 'number' && <NumberBox {...shared} label={label} />}
        {control.kind === 'switch' && <Toggle {...shared} />}
        {control.kind === 'choice' && <Choice {...shared} />}
        {control.kind === 'text' && <Text {...shared} />}
        {control.kind === 'numbers' && <List {...shared} />}
        {control.kind === 'texts' && <List {...shared} />}
        {control.kind === 'timeline' && <Timeline {...shared} />}
      </Described>
      {drivable(control) && <DriveForm control={control} />}
      {complaint !== undefined && (
        <p class="complaint" role="alert">
          {complaint}
        </p>
      )}
    </div>
  );
}

function Described(props: {
  id: string;
  help: string;
  /** as in the config file */
  path: string;
  seen: boolean;
  children: ComponentChildren;
}) {
  return (
    <>
      {props.children}
      <p id={`${props.id}-help`} class={props.seen ? 'help-text' : 'unseen'}>
        {props.help}
        {props.seen && <span class="path"> {props.path}</span>}
      </p>
    </>
  );
}

/** The control of a setting, if it can change now. */
export function controlAt(path: string): Control | undefined {
  return liveSections.value.flatMap((s) => s.controls).find((control) => control.path === path);
}
