/** The bare page: the newest picture of the latest session, and nothing else. For OBS, and for the second screen. */

import './style/view.css';
import type { Fit } from './picture/fit';
import { Stage } from './picture/stage';
import { Display, shapes } from './show/display';
import { Link } from './wire/link';

const options = new URLSearchParams(location.search);
const fit: Fit = options.get('fit') === 'contain' ? 'contain' : 'cover';
const transparent = options.get('background') === 'transparent';
document.body.classList.toggle('transparent', transparent);

const canvas = document.querySelector<HTMLCanvasElement>('#stage');
if (canvas === null) throw new Error('the page lacks its canvas');
const stage = new Stage(canvas, transparent ? 'nothing' : 'black');
stage.setFit(fit);

const display = new Display(
  stage,
  (_, ready) => ready,
  () => undefined,
);
const query = { watch: options.get('session') ?? 'latest', ...shapes(stage.why) };
const link = new Link(query, {
  state: (state) => {
    if (state === 'open') display.clear(true);
  },
  message: (message) => {
    // a server that was started again has other sessions: whoever performs there is meant
    const gone = message.type === 'bye' && ['unknown', 'ended'].includes(message.code);
    if (gone) query.watch = 'latest';
  },
  picture: (frame) => {
    link.send({ type: 'ack', sequence: frame.sequence });
    void display.arrive(frame);
  },
});
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
