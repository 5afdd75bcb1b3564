import type { RefObject } from 'preact';
import { useRef } from 'preact/hooks';
import * as store from '../state/store';
import { useShow } from './context';
import { take } from './files';
import { Icon, type IconName } from './icons';
import { SongStrip } from './SongStrip';

/** What the picture listens to and looks at. */
export function Dock() {
  const show = useShow();
  const songFile = useRef<HTMLInputElement>(null);
  const filmFile = useRef<HTMLInputElement>(null);
  const { sources } = show;
  const hear = (what: store.Hear): void =>
    void sources.hear(store.hearing.peek() === what ? 'nothing' : what);
  const see = (what: store.See): void =>
    void sources.see(store.seeing.peek() === what ? 'nothing' : what);
  const dreaming = store.hearing.value === 'nothing' && store.seeing.value === 'nothing';
  const pickSong = (): void => {
    if (store.hearing.peek() !== 'song' && sources.songs.loaded) hear('song');
    else songFile.current?.click();
  };
  const pickFilm = (): void => {
    if (store.seeing.peek() === 'video') {
      void sources.see('nothing');
      if (store.hearing.peek() === 'video') void sources.hear('nothing');
    } else if (sources.film.loaded) {
      void sources.see('video').then(() => sources.hear('video'));
    } else filmFile.current?.click();
  };
  return (
    <div class="dock panel">
      {store.song.value !== null && store.hearing.value === 'song' && <SongStrip />}
      <div class="sources">
        <Source
          icon="dream"
          label="Dream"
          on={dreaming}
          title="React to nothing: the picture goes its own way"
          run={() => {
            void sources.hear('nothing');
            void sources.see('nothing');
          }}
        />
        <fieldset>
          <legend>Listens to</legend>
          <Source
            icon="song"
            label="Song"
            on={store.hearing.value === 'song'}
            title="A sound file: choose one, or drop it anywhere"
            run={pickSong}
          />
          <Source
            icon="mic"
            label="Microphone"
            on={store.hearing.value === 'mic'}
            title="Whatever the room plays"
            run={() => hear('mic')}
          />
          <Source
            icon="tab"
            label="Tab"
            on={store.hearing.value === 'tab'}
            title="The sound of another tab or of this computer"
            run={() => hear('tab')}
          />
          {store.hello.value?.sources.soundcard && (
            <Source
              icon="soundcard"
              label="Sound card"
              on={store.hearing.value === 'soundcard'}
              title="The sound card of the computer that draws"
              run={() => hear('soundcard')}
            />
          )}
        </fieldset>
        <fieldset>
          <legend>Looks at</legend>
          <Source
            icon="camera"
            label="Camera"
            on={store.seeing.value === 'camera'}
            title="Paint over what a camera sees"
            run={() => see('camera')}
          />
          <Source
            icon="video"
            label="Video"
            on={store.seeing.value === 'video'}
            title="Paint over a video file, and listen to it"
            run={pickFilm}
          />
        </fieldset>
      </div>
      <FileInput inner={songFile} accept="audio/*,.flac,.opus,.m4a" label="Song file" />
      <FileInput inner={filmFile} accept="video/*,.mkv" label="Video file" />
    </div>
  );
}

interface SourceProps {
  icon: IconName;
  label: string;
  title: string;
  on: boolean;
  run: () => void;
}

function Source({ icon, label, title, on, run }: SourceProps) {
  return (
    <button type="button" class="source" aria-pressed={on} title={title} onClick={run}>
      <Icon name={icon} />
      <span>{label}</span>
    </button>
  );
}

function FileInput(props: {
  inner: RefObject<HTMLInputElement | null>;
  accept: string;
  label: string;
}) {
  const show = useShow();
  return (
    <input
      ref={props.inner}
      type="file"
      class="unseen"
      tabIndex={-1}
      accept={props.accept}
      aria-label={props.label}
      onChange={({ currentTarget }) => {
        const file = currentTarget.files?.[0];
        if (file !== undefined) void take(show, file);
        currentTarget.value = ''; // the same file may be chosen again
      }}
    />
  );
}
