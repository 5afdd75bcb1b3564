import { lit } from '../state/looks';
import { change, setting } from '../state/settings';
import * as store from '../state/store';
import { backToSafe, runAction, toggle } from './actions';
import { useActions } from './context';
import { Icon, type IconName } from './icons';
import { KnobTag, learnable } from './learn';

const WHEN = { now: 'At once', beat: 'On beat', bar: 'On bar', section: 'Section' } as const;

/** What must be in reach whatever happens: light, stillness, sound, and the way back. */
export function Panic() {
  const list = useActions();
  const dark = setting('live.blackout').value === true;
  const frozen = setting('live.freeze').value === true;
  const safe = setting('video.limit_flashes').value !== false;
  const light = setting('live.light').value;
  const lost = store.chosenLook.value !== '' && lit.value === '';
  return (
    <div class="panic" role="toolbar" aria-label="Panic">
      <Press
        icon="blackout"
        id="blackout"
        label="Blackout"
        title="Let no light out (B)"
        on={dark}
        run={() => toggle('live.blackout')}
      />
      <Press
        icon="freeze"
        id="freeze"
        label="Freeze"
        title="Hold the picture (X)"
        on={frozen}
        run={() => toggle('live.freeze')}
      />
      <Press
        icon="safe"
        id="safe"
        label="Safe"
        title="Back to the last look as it was, in full light, moving, without strobes (Backspace)"
        hint={lost}
        run={backToSafe}
      />
      <Press
        icon="strobe"
        id="strobe"
        label="Strobe-safe"
        title="Hold flashes under three a second (Q)"
        on={safe}
        calm
        warn={!safe}
        run={() => toggle('video.limit_flashes')}
      />
      <Press
        icon="next"
        id="next"
        label="Next"
        title="Next look (→)"
        run={() => runAction(list, 'do:next')}
      />
      <Press
        icon="quantise"
        id="quantise"
        label={WHEN[store.quantise.value]}
        title="When changes happen: at once, or with the next beat, bar or section (G)"
        on={store.quantise.value !== 'now'}
        run={() => runAction(list, 'do:quantise')}
      />
      <Press
        icon="tap"
        id="tap"
        label="Tap"
        title="Tap the beat (T)"
        down
        run={() => runAction(list, 'do:tap')}
      />
      <Level
        icon="light"
        target="live.light"
        label="Master light"
        keys="+ and −"
        value={typeof light === 'number' ? light : 1}
        set={(value) => change('live.light', value)}
      />
      <Level
        icon={store.muted.value ? 'mute' : 'volume'}
        target="page:volume"
        label="Volume"
        keys="Page up and down"
        value={store.muted.value ? 0 : store.volume.value}
        set={(value) => {
          store.volume.value = value;
          store.muted.value = false;
        }}
      >
        <Press
          icon={store.muted.value ? 'mute' : 'volume'}
          id="mute"
          label="Mute"
          title="Mute the room; recordings and pictures hear on (V)"
          on={store.muted.value}
          run={() => runAction(list, 'do:mute')}
        />
      </Level>
    </div>
  );
}

interface PressProps {
  icon: IconName;
  id: string;
  label: string;
  title: string;
  on?: boolean;
  warn?: boolean;
  /** on is as it should be, and needs no light */
  calm?: boolean;
  /** it would change something now */
  hint?: boolean;
  /** at the touch, not when it ends: a beat is where the finger lands */
  down?: boolean;
  run: () => void;
}

function Press({ icon, id, label, title, on, warn, calm, hint, down, run }: PressProps) {
  const press = down
    ? {
        onPointerDown: run,
        onKeyDown: (event: KeyboardEvent) => {
          if ((event.key === 'Enter' || event.key === ' ') && !event.repeat) run();
        },
      }
    : { onClick: run };
  return (
    <button
      type="button"
      class={`press ${warn ? 'warn' : ''} ${calm ? 'calm' : ''} ${hint ? 'hint' : ''}`}
      aria-pressed={on}
      title={title}
      {...press}
      {...learnable(`do:${id}`)}
    >
      <Icon name={icon} />
      <span>{label}</span>
      <KnobTag target={`do:${id}`} />
    </button>
  );
}

interface LevelProps {
  icon: IconName;
  target: string;
  label: string;
  keys: string;
  value: number;
  set: (value: number) => void;
  children?: preact.ComponentChildren;
}

function Level({ icon, target, label, keys, value, set, children }: LevelProps) {
  const to = `${value * 100}%`;
  return (
    <div class="level" title={`${label} (${keys})`} {...learnable(target)}>
      {children ?? <Icon name={icon} />}
      <input
        type="range"
        min={0}
        max={1}
        step={0.01}
        value={value}
        style={{ '--from': '0%', '--to': to }}
        aria-label={label}
        aria-valuetext={`${Math.round(value * 100)} %`}
        onInput={(event) => set(event.currentTarget.valueAsNumber)}
      />
      <KnobTag target={target} />
    </div>
  );
}
