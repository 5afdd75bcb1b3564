import { useLayoutEffect, useRef } from 'preact/hooks';
import { HOWS, ORDERS, type SetFile } from '../set/model';
import { edit, gap, playingSong, problem, set } from '../state/set';
import * as store from '../state/store';
import { setOpen } from '../state/store';
import { takeBack } from './actions';
import { CueForm } from './CueForm';
import { useShow } from './context';
import { Deck } from './Deck';
import { Icon } from './icons';
import { Typed } from './inputs';
import { Command } from './Score';
import { SetSongs } from './SetSongs';
import { SetWave } from './SetWave';

/** The set: its songs, the cues of the one that is opened, the deck of looks. */
export function SetPanel() {
  const section = useRef<HTMLElement>(null);
  const open = setOpen.value;
  // Tab goes on in what was opened, and keys stay the show's
  useLayoutEffect(() => section.current?.focus({ preventScroll: true }), [open]);
  if (!open) return null;
  return (
    <section class="set panel" aria-label="Set" ref={section} tabIndex={-1}>
      <Head />
      <div class="set-scroll">
        <SetSongs />
        <div class="set-cues">
          {problem.value !== '' && (
            <p class="set-problem" role="status">
              {problem.value}
            </p>
          )}
          <SetWave />
          <CueForm />
        </div>
        <Deck />
      </div>
    </section>
  );
}

function Head() {
  const show = useShow();
  const file = useRef<HTMLInputElement>(null);
  const { name, autopilot, between, songs } = set.value;
  return (
    <header class="set-head">
      <Typed
        id="set-name"
        class="set-name"
        placeholder="Name of this set"
        label="Name of this set"
        value={name}
        take={(value) => edit('the name', (before) => ({ ...before, name: value.slice(0, 80) }))}
      />
      <label class="set-choice">
        Autopilot
        <select
          value={autopilot.order}
          title="Another look with every section of the music"
          onChange={({ currentTarget: { value } }) =>
            edit('the autopilot', (before) => ({
              ...before,
              autopilot: { ...before.autopilot, order: value as SetFile['autopilot']['order'] },
            }))
          }
        >
          {Object.entries(ORDERS).map(([order, label]) => (
            <option key={order} value={order}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <label class="set-choice">
        Between songs
        <select
          value={between.how}
          onChange={({ currentTarget: { value } }) =>
            edit('how it goes on', (before) => ({
              ...before,
              between: { ...before.between, how: value as SetFile['between']['how'] },
            }))
          }
        >
          {Object.entries(HOWS).map(([how, label]) => (
            <option key={how} value={how}>
              {label}
            </option>
          ))}
        </select>
      </label>
      {between.how !== 'stop' && (
        <label class="set-choice" for="set-seconds">
          <Typed
            id="set-seconds"
            number
            class="number"
            label="Seconds between songs"
            value={String(between.seconds)}
            take={(text) => {
              const seconds = Number(text.replace(',', '.'));
              if (seconds >= 0 && seconds <= 60)
                edit('how it goes on', (before) => ({
                  ...before,
                  between: { ...before.between, seconds },
                }));
            }}
          />
          s
        </label>
      )}
      {gap.value !== null && (
        <span class="set-gap" role="status">
          Next song in {Math.ceil(gap.value)} s
        </span>
      )}
      <div class="set-files">
        <button type="button" class="text-button" onClick={() => file.current?.click()}>
          Open
        </button>
        <button
          type="button"
          class="text-button"
          title="Its songs by their names and hashes"
          onClick={() => {
            void show.setlist.save(false);
            const called = `${set.peek().name.trim() || 'phosphene'}`;
            store.savedSet.value = `phosphene render --set '${called}.set' -o '${called}' --size 1920x1080`;
          }}
        >
          Save
        </button>
        <button
          type="button"
          class="text-button"
          disabled={songs.length === 0}
          title="One file with its songs in it"
          onClick={() => void show.setlist.save(true)}
        >
          Save with songs
        </button>
        <button
          type="button"
          class="text-button"
          disabled={songs.length === 0}
          onClick={() => {
            show.setlist.clear();
            store.offer.value = {
              text: 'This is a new set.',
              choices: [{ label: 'Undo', run: takeBack }],
            };
          }}
        >
          New
        </button>
        <input
          ref={file}
          type="file"
          class="unseen"
          tabIndex={-1}
          accept=".set"
          aria-label="Set file"
          onChange={({ currentTarget }) => {
            const chosen = currentTarget.files?.[0];
            if (chosen !== undefined)
              void show.setlist.open(chosen).then((fine) => {
                if (!fine) store.notice.value = `“${chosen.name}” is no set.`;
              });
            currentTarget.value = '';
          }}
        />
      </div>
      <button
        type="button"
        class="drawer-close"
        aria-label="Close the set"
        onClick={() => {
          setOpen.value = false;
        }}
      >
        <Icon name="close" />
      </button>
      {store.savedSet.value !== '' && playingSong.value < 0 && (
        <Command text={store.savedSet.value} label="One video a song, with the same cues" />
      )}
    </header>
  );
}
