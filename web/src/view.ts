/** The bare page: the newest picture of the latest session, and nothing else. For OBS, and for the second screen. */

import './style/view.css';
import type { Fit } from './picture/fit';
import { Stage } from './picture/stage';
import { Display, type Picture, shapes } from './show/display';
import { type Accent, Beats, beatOfPulse, NONE } from './time/beats';
import { Link } from './wire/link';
import type { Heard } from './wire/messages';

const CLOCK_EVERY_MS = 1000;
/** a picture of a song is made so far ahead at most; more is another clock, ms */
const LONGEST_LEAD_MS = 5000;
/** beats: further off it is another beat */
const SAME_BEAT = 0.1;
const PULL = 0.1;

const options = new URLSearchParams(location.search);
const fit: Fit = options.get('fit') === 'contain' ? 'contain' : 'cover';
const transparent = options.get('background') === 'transparent';
document.body.classList.toggle('transparent', transparent);

const canvas = document.querySelector<HTMLCanvasElement>('#stage');
if (canvas === null) throw new Error('the page lacks its canvas');
const stage = new Stage(canvas, transparent ? 'nothing' : 'black');
stage.setFit(fit);

let heard: Heard | null = null;
/** beats counted at a time, ms */
let counted: { t: number; position: number } | null = null;
const beats = new Beats();

/** What is told of the beat comes over two clocks: it pulls gently, so that beats do not tremble. */
function count({ beat_t: t, beat_position: told, tempo }: Heard): void {
  if (t === undefined) return;
  const since = counted === null ? 0 : ((t - counted.t) * tempo) / 60_000;
  const off = counted === null ? 0 : told - (counted.position + since);
  const near = Math.abs(off) < SAME_BEAT;
  counted = { t, position: near ? told - off * (1 - PULL) : told };
}

/** What the beat does to the picture now; a song's is as sure as its analysis. */
function accent(now: number, interval: number): Accent {
  if (heard === null || counted === null) return NONE;
  const { tempo, bass, energy, beat_from: from } = heard;
  const confidence = from === 'song' ? 1 : heard.confidence;
  const beat = beatOfPulse({ ...counted, tempo, confidence, bass, energy }, now);
  return beats.push(beat, heard.punch ?? 0, interval);
}

/** When a picture is due: those of a song are made ahead of its sound. */
function due({ captured, value }: Picture, ready: number): number {
  const { t, beat_t: sounds } = heard ?? {};
  if (Number.isNaN(value) || Number.isNaN(captured) || t === undefined || sounds === undefined)
    return ready;
  const at = captured + sounds - t;
  return at - ready < LONGEST_LEAD_MS ? at : ready;
}

const display = new Display(
  stage,
  due,
  () => undefined,
  accent,
  (seen, now, pushed) => {
    // for programs around the page: tests, benchmarks, kiosks
    canvas.dispatchEvent(
      new CustomEvent('phosphene-frame', {
        detail: { at: now, pushed, turn: seen.firstMotion.turn },
      }),
    );
  },
);
const query = { watch: options.get('session') ?? 'latest', ...shapes(stage.why) };
const link = new Link(query, {
  state: (state) => {
    if (state !== 'open') return;
    display.clear(true);
    tick();
  },
  message: (message) => {
    if (message.type === 'heard') {
      heard = message;
      count(heard);
    }
    // a server that was started again has other sessions: whoever performs there is meant
    const gone = message.type === 'bye' && ['unknown', 'ended'].includes(message.code);
    if (gone) query.watch = 'latest';
  },
  picture: (frame) => {
    link.send({ type: 'ack', sequence: frame.sequence });
    void display.arrive(frame);
  },
});
const tick = (): void => void link.send({ type: 'clock', t: performance.now() });
setInterval(tick, CLOCK_EVERY_MS);
link.open();

if (options.has('output')) {
  document.body.classList.add('output');
  canvas.addEventListener('click', () => void document.documentElement.requestFullscreen?.());
  const stayOn = (): void => {
    if (!document.hidden) navigator.wakeLock?.request('screen').catch(() => undefined);
  };
  document.addEventListener('visibilitychange', stayOn);
  stayOn();
}
