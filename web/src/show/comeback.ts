/** A reload, a plug that was pulled: the show comes back as it was. */

import { effect } from '@preact/signals';
import * as store from '../state/store';
import { keptFile } from '../state/vault';
import { allowed, listDevices } from './inputs';
import type { Sources } from './sources';

const LOOK_EVERY_MS = 1000;
/** without a picture for so long a camera is stuck, ms */
const STUCK_MS = 3000;
const KINDS = { camera: 'videoinput', mic: 'audioinput' } as const;
const PERMISSIONS = { camera: 'camera', mic: 'microphone' } as const;
const STUCK = 'The camera sends no pictures.';

/** Write down how the show stands, all the time: nobody tells a page that it is about to go. */
export function rememberShow(sources: Sources): void {
  const write = (): void => {
    if (sources.restoring) return;
    const { deck, player, film } = sources;
    store.stood.value = {
      ...store.stood.peek(),
      hear: store.hearing.peek(),
      see: store.seeing.peek(),
      songAt: player.deck?.element.currentTime ?? 0,
      filmAt: film?.element.currentTime ?? 0,
      playing: deck?.playing ?? false,
    };
  };
  effect(() => {
    void store.playing.value;
    if (store.hearing.value !== 'nothing' || store.seeing.value !== 'nothing')
      store.welcomed.value = true;
    write();
  });
  setInterval(write, LOOK_EVERY_MS);
  addEventListener('pagehide', write);
  addEventListener('beforeunload', (event) => {
    const performs = store.hearing.peek() !== 'nothing' || store.seeing.peek() !== 'nothing';
    if (performs || store.recording.peek() !== null) event.preventDefault();
  });
}

/** Take up what was played before the reload. */
export async function restoreShow(sources: Sources): Promise<void> {
  const { hear, see, song, film, known, songAt, filmAt, playing } = store.stood.peek();
  try {
    const [songFile, filmFile] = await Promise.all([kept(song), kept(film)]);
    if (songFile !== null) {
      const play = playing && hear === 'song';
      await sources.playSong(songFile, { key: song, at: songAt, play, known });
      // loaded and ready, though something else is listened to
      if (hear !== 'song') await sources.hear('nothing');
    } else if (hear === 'song') lost('The song was too large for this browser to keep');
    if (filmFile !== null && (see === 'video' || hear === 'video')) {
      await sources.playFilm(filmFile, { key: film, at: filmAt, play: playing });
      if (see !== 'video') await sources.see('nothing');
      if (hear !== 'video') await sources.hear(hear === 'song' ? 'song' : 'nothing');
    } else if (see === 'video') lost('The video was too large for this browser to keep');
    if (hear === 'mic' && (await may('mic'))) await sources.hear('mic');
    if (see === 'camera' && (await may('camera'))) await sources.see('camera');
    if (see === 'server') await sources.see('server');
    if (hear === 'soundcard') await sources.hear('soundcard');
    if (hear === 'tab' || see === 'tab')
      store.notice.value = 'The reload ended the sharing of the tab: share it again.';
  } finally {
    sources.restoring = false;
    sources.announce();
  }
}

async function kept(key: string): Promise<File | null> {
  try {
    return key === '' ? null : await keptFile(key);
  } catch {
    return null;
  }
}

function lost(text: string): void {
  store.notice.value = `${text}: drop it again.`;
}

async function may(device: store.Device): Promise<boolean> {
  if (await allowed(PERMISSIONS[device])) return true;
  store.notice.value = `The ${PERMISSIONS[device]} was on before the reload: choose it again to allow it.`;
  return false;
}

/** Take devices up again when they return; say when they give nothing. */
export function watchDevices(sources: Sources): void {
  let busy = false;
  const look = async (): Promise<void> => {
    stuck(sources);
    if (busy || sources.restoring) return;
    busy = true;
    try {
      await again(sources, 'camera');
      await again(sources, 'mic');
    } finally {
      busy = false;
    }
  };
  setInterval(() => void look(), LOOK_EVERY_MS);
  navigator.mediaDevices?.addEventListener('devicechange', async () => {
    store.cameras.value = await listDevices('videoinput');
    store.microphones.value = await listDevices('audioinput');
    await look();
  });
}

async function again(sources: Sources, device: store.Device): Promise<void> {
  const used = (): boolean =>
    device === 'camera' ? store.seeing.peek() === 'camera' : store.hearing.peek() === 'mic';
  if (!used() || !store.troubles.peek()[device].gone) return;
  const found = await listDevices(KINDS[device]);
  if (found.length === 0 || !(await allowed(PERMISSIONS[device])) || !used()) return;
  const quiet = (): void => undefined;
  const back =
    device === 'camera' ? await sources.see('camera', quiet) : await sources.hear('mic', quiet);
  if (back) store.notice.value = `The ${PERMISSIONS[device]} is back.`;
}

function stuck(sources: Sources): void {
  if (store.seeing.peek() !== 'camera' || document.hidden) return;
  const { camera } = store.troubles.peek();
  if (camera.gone) return;
  const still = sources.grabber.still(performance.now()) > STUCK_MS;
  if (still && camera.text === '') troubled({ text: STUCK, gone: false });
  if (!still && camera.text === STUCK) troubled({ text: '', gone: false });
}

function troubled(camera: store.Trouble): void {
  store.troubles.value = { ...store.troubles.peek(), camera };
}

/** The screen stays on while the page performs. */
export function stayAwake(): void {
  let lock: WakeLockSentinel | null = null;
  let asking = false;
  const look = async (): Promise<void> => {
    const performs =
      store.hearing.peek() !== 'nothing' ||
      store.seeing.peek() !== 'nothing' ||
      store.recording.peek() !== null ||
      document.fullscreenElement !== null;
    if (asking || document.hidden || navigator.wakeLock === undefined) return;
    asking = true;
    try {
      if (performs && (lock === null || lock.released))
        lock = await navigator.wakeLock.request('screen');
      else if (!performs && lock !== null) {
        await lock.release();
        lock = null;
      }
    } catch {
      // a battery that is nearly empty, for example: the system decides
    } finally {
      asking = false;
    }
  };
  effect(() => {
    void [store.hearing.value, store.seeing.value, store.recording.value];
    void look();
  });
  document.addEventListener('visibilitychange', () => void look());
  document.addEventListener('fullscreenchange', () => void look());
}
