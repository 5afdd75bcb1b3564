import { download } from '../picture/recorder';
import { complain } from '../show/sources';
import { saved, scoring, session } from '../state/store';
import { useShow } from './context';
import { Icon } from './icons';
import { learnable } from './learn';

interface Line {
  source?: { song?: string; name?: string };
  sound?: string;
}

/** Save what was kept of the show as a score, with what a microphone heard, and say how it is drawn. */
export async function saveScore(): Promise<void> {
  try {
    const address = `api/sessions/${session.peek()}/show`;
    const answer = await fetch(`${address}.score`);
    if (!answer.ok) throw new Error(((await answer.json()) as { message: string }).message);
    const heard = await fetch(`${address}.wav`);
    const name = `show ${stamp()}.score`;
    const [head = '{}', ...lines] = (await answer.text()).split('\n');
    const first = JSON.parse(head) as Line;
    if (heard.ok) {
      first.sound = `${name}.wav`;
      download(new File([await heard.blob()], first.sound, { type: 'audio/wav' }));
    }
    const text = [JSON.stringify(first), ...lines].join('\n');
    download(new File([text], name, { type: 'application/jsonl' }));
    saved.value = { name, command: command(name, lines) };
  } catch (error) {
    complain(error);
  }
}

/** What draws the score again, with the songs that it plays. */
function command(name: string, lines: readonly string[]): string {
  const names = lines.flatMap((line) => {
    if (!line.includes('"source"')) return [];
    const { source } = JSON.parse(line) as Line;
    return source?.song === undefined ? [] : [source.name ?? 'SONG'];
  });
  const songs = [...new Set(names)].map(quoted).join(' ');
  const video = quoted(name.replace(/score$/, 'mp4'));
  return `phosphene render ${songs}${songs && ' '}--score ${quoted(name)} -o ${video} --size 1920x1080 --fps 60`;
}

function quoted(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
}

function stamp(): string {
  const now = new Date();
  const two = (n: number): string => String(n).padStart(2, '0');
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  return `${day} ${two(now.getHours())}.${two(now.getMinutes())}.${two(now.getSeconds())}`;
}

/** The show as a score: kept in memory always, saved when it is wanted, drawn again at any size. */
export function Score() {
  const show = useShow();
  const on = scoring.value;
  const last = saved.value;
  return (
    <>
      <p class="help-text">
        {on
          ? 'All of this show is kept, from when you began.'
          : 'The last ten minutes are kept all the time. A score is drawn again larger and smoother than it was played.'}
      </p>
      <div class="links">
        <button
          type="button"
          class="text-button"
          aria-pressed={on}
          onClick={() => show.keep(!on)}
          {...learnable('do:keep')}
        >
          {on ? 'Keep ten minutes only' : 'Keep all from now'}
        </button>
        <button
          type="button"
          class="text-button"
          onClick={() => void saveScore()}
          {...learnable('do:score')}
        >
          {on ? 'Save the score' : 'Save the last ten minutes'}
        </button>
      </div>
      {last !== null && <Command text={last.command} label="To draw it again, larger" />}
    </>
  );
}

/** A command to be copied. */
export function Command({ text, label }: { text: string; label: string }) {
  return (
    <div class="command">
      <p class="help-text">{label}:</p>
      <code>{text}</code>
      <button
        type="button"
        class="text-button"
        onClick={() => void navigator.clipboard?.writeText(text)}
      >
        <Icon name="file" /> Copy
      </button>
    </div>
  );
}
