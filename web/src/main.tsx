import '@fontsource-variable/familjen-grotesk/wght.css';
import './style/base.css';
import './style/chrome.css';
import './style/dock.css';
import './style/drawer.css';
import './style/fields.css';
import './style/set.css';
import './style/phone.css';
import { effect } from '@preact/signals';
import { render } from 'preact';
import { Stage } from './picture/stage';
import { Show } from './show/show';
import { bindings, fit, idle } from './state/store';
import { App } from './ui/App';
import { actions, toggleFullScreen } from './ui/actions';
import { giveKeysBack, listenToKeys, watchIdle } from './ui/keys';
import { startMidi } from './ui/midi';

function find<T extends Element>(selector: string): T {
  const element = document.querySelector<T>(selector);
  if (element === null) throw new Error(`the page lacks ${selector}`);
  return element;
}

let hue = 75;
const canvas = find<HTMLCanvasElement>('#stage');
const stage = new Stage(canvas, 'glow', (next) => {
  // a little change is not worth restyling the page
  if (Math.abs(((next - hue + 540) % 360) - 180) < 6) return;
  hue = next;
  document.documentElement.style.setProperty('--hue', next.toFixed(0));
});
const show = new Show(stage);
const list = actions(show);

render(<App show={show} list={list} />, find('#chrome'));
effect(() => {
  stage.setFit(fit.value);
  document.body.dataset.fit = fit.value;
});
effect(() => {
  document.body.classList.toggle('resting', idle.value);
});
canvas.addEventListener('dblclick', toggleFullScreen);
for (const event of ['pointerdown', 'keydown']) {
  addEventListener(event, () => void show.sources.sound.wake(), { passive: true });
}
listenToKeys(show, list);
giveKeysBack();
watchIdle();
if (Object.keys(bindings.peek()).length > 0) void startMidi(show, list);
void show.start();
