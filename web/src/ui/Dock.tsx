import type { RefObject } from 'preact';
import { useRef } from 'preact/hooks';
import * as store from '../state/store';
import { useShow } from './context';
import { playDemo, take } from './files';
import { Icon, type IconName } from './icons';
import { Panic } from './Panic';
import { Transport } from './Transport';

/** What the picture listens to and looks at, and what holds it in an emergency. */
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
  const film = store.seeing.value === 'video' || store.hearing.value === 'video';
  const pickSong = (): void => {
    if (store.hearing.peek() === 'song') void sources.hear('nothing');
    else if (sources.player.deck !== null) void sources.takeSong();
    else songFile.current?.click();
  };
  const pickFilm = (): void => {
    if (store.seeing.peek() === 'video') {
      void sources.see('nothing');
      if (store.hearing.peek() === 'video') void sources.hear('nothing');
    } else if (sources.film !== null) void sources.takeFilm();
    else filmFile.current?.click();
  };
  return (
    <div class="dock panel">
      <Welcome choose={() => songFile.current?.click()} />
      {(store.hearing.value === 'song' || film) && (
        <Transport
          choose={() => (store.hearing.peek() === 'song' ? songFile : filmFile).current?.click()}
        />
      )}
      <div class="dock-rows">
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
              trouble={store.troubles.value.mic.text}
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
              trouble={store.troubles.value.camera.text}
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
            {store.hello.value?.sources.pictures && (
              <Source
                icon="output"
                label="This machine"
                on={store.seeing.value === 'server'}
                title={`Paint over what the server sees: ${store.hello.value.sources.pictures}`}
                run={() => see('server')}
              />
            )}
          </fieldset>
        </div>
        <Panic />
      </div>
      <FileInput inner={songFile} accept="audio/*,.flac,.opus,.m4a" label="Song file" />
      <FileInput inner={filmFile} accept="video/*,.mkv" label="Video file" />
    </div>
  );
}

/** One line for somebody who has never been here. */
function Welcome({ choose }: { choose: () => void }) {
  const show = useShow();
  const playsNothing = store.hearing.value === 'nothing' && store.seeing.value === 'nothing';
  if (store.welcomed.value || !playsNothing) return null;
  return (
    <p class="welcome">
      <span>Drop a song anywhere, and the picture plays with it.</span>
      <button
        type="button"
        class="button wanted"
        disabled={store.composing.value}
        onClick={() => void playDemo(show)}
      >
        {store.composing.value ? 'Composing a song …' : 'Play a demo song'}
      </button>
      <button type="button" class="text-button" onClick={choose}>
        Choose a file
      </button>
    </p>
  );
}

interface SourceProps {
  icon: IconName;
  label: string;
  title: string;
  on: boolean;
  /** what is wrong with it, in words */
  trouble?: string;
  run: () => void;
}

function Source({ icon, label, title, on, trouble = '', run }: SourceProps) {
  return (
    <button
      type="button"
      class={`source ${trouble === '' ? '' : 'troubled'}`}
      aria-pressed={on}
      title={trouble === '' ? title : trouble}
      onClick={run}
    >
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
