import { useRef } from 'preact/hooks';
import { clockTime } from '../picture/time';
import { reordered, type SetSong } from '../set/model';
import { analysisOf, chosenCue, edit, opened, playingSong, set, states } from '../state/set';
import * as store from '../state/store';
import { takeBack } from './actions';
import { useShow } from './context';
import { Icon } from './icons';

const DRAGGED = 'application/x-phosphene-song';

/** The songs in order: drag them, or move them with the arrows; each plays on its own. */
export function SetSongs() {
  const show = useShow();
  const files = useRef<HTMLInputElement>(null);
  const { songs } = set.value;
  const move = (from: number, to: number): void => {
    if (to < 0 || to >= songs.length || from === to) return;
    const [now, seen] = [songs[playingSong.peek()], songs[opened.peek()]];
    edit('the order', (before) => ({ ...before, songs: reordered(before.songs, from, to) }));
    const after = set.peek().songs;
    playingSong.value = now === undefined ? -1 : after.indexOf(now);
    opened.value = seen === undefined ? 0 : after.indexOf(seen);
  };
  return (
    <div class="set-songs">
      {songs.length === 0 && (
        <p class="help-text">
          A set is songs in order. Drop them here, and lay looks on their bars.
        </p>
      )}
      <ol>
        {songs.map((song, index) => (
          <Row key={song.key ?? `${song.name} ${index}`} {...{ song, index, move }} />
        ))}
      </ol>
      <button type="button" class="text-button" onClick={() => files.current?.click()}>
        <Icon name="add" /> Add songs
      </button>
      <input
        ref={files}
        type="file"
        multiple
        class="unseen"
        tabIndex={-1}
        accept="audio/*,.flac,.opus,.m4a"
        aria-label="Songs of the set"
        onChange={({ currentTarget }) => {
          void show.setlist.add([...(currentTarget.files ?? [])]);
          currentTarget.value = '';
        }}
      />
    </div>
  );
}

interface RowProps {
  song: SetSong;
  index: number;
  move: (from: number, to: number) => void;
}

function Row({ song, index, move }: RowProps) {
  const show = useShow();
  const plays = playingSong.value === index;
  const length = analysisOf(song)?.duration;
  const state = song.key === undefined ? 'missing' : states.value[song.key];
  const title = song.name.replace(/\.[^.]+$/, '');
  const cues = `${song.cues.length} ${song.cues.length === 1 ? 'cue' : 'cues'}`;
  return (
    <li
      class={`set-song ${plays ? 'plays' : ''}`}
      draggable
      onDragStart={({ dataTransfer }) => dataTransfer?.setData(DRAGGED, String(index))}
      onDragOver={(event) => {
        if (event.dataTransfer?.types.includes(DRAGGED)) event.preventDefault();
      }}
      onDrop={(event) => {
        const from = event.dataTransfer?.getData(DRAGGED) ?? '';
        if (from === '') return;
        event.preventDefault();
        move(Number(from), index);
      }}
    >
      <button
        type="button"
        class="set-play"
        aria-label={`Play ${title}`}
        aria-pressed={plays}
        onClick={() => void show.setlist.play(index)}
      >
        <Icon name={plays && store.playing.value ? 'pause' : 'play'} />
      </button>
      <button
        type="button"
        class="set-title"
        aria-pressed={opened.value === index}
        title="Open its cues; arrows with Shift move it"
        onClick={() => {
          opened.value = index;
          chosenCue.value = -1;
        }}
        onKeyDown={(event) => {
          const by = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0;
          if (by === 0 || !event.shiftKey) return;
          event.preventDefault();
          event.stopPropagation();
          move(index, index + by);
        }}
      >
        <span class="set-song-name">
          {index + 1}. {title}
        </span>
        <span class={`help-text ${state === 'missing' ? 'missing' : ''}`}>
          {state || `${length === undefined ? '' : `${clockTime(length)}, `}${cues}`}
        </span>
      </button>
      <button
        type="button"
        class="quiet"
        aria-label={`Take ${title} out`}
        onClick={() => {
          show.setlist.remove(index);
          store.offer.value = {
            text: `“${title}” is taken out.`,
            choices: [{ label: 'Undo', run: takeBack }],
          };
        }}
      >
        <Icon name="close" />
      </button>
    </li>
  );
}
