/** The bare page: the newest picture of the latest session, and nothing else. */

import './style/view.css';
import type { Fit } from './picture/fit';
import { Stage } from './picture/stage';
import { Display } from './show/display';
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
const link = new Link(
  { watch: options.get('session') ?? 'latest', keys: '1' },
  {
    state: (state) => {
      if (state === 'open') display.clear(true);
    },
    message: () => undefined,
    picture: (frame) => {
      link.send({ type: 'ack', sequence: frame.sequence });
      void display.arrive(frame);
    },
  },
);
link.open();
