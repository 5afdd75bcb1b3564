import { useEffect, useState } from 'preact/hooks';
import { bind, fromFile as controllersOf } from '../controls/midi';
import type { Show } from '../show/show';
import { complain } from '../show/sources';
import { bindings, composing, notice, setOpen } from '../state/store';
import { useShow } from './context';
import { importPresets } from './Keep';

const SOUND = /\.(mp3|wav|flac|ogg|oga|opus|m4a|aac|aif|aiff|wma)$/i;
const FILM = /\.(mp4|m4v|mov|mkv|webm|avi|ogv)$/i;

/** A file that somebody dropped or chose: a song, a video, kept looks, or a controller's mapping. */
export async function take(show: Show, file: File): Promise<void> {
  if (file.type.startsWith('audio/') || SOUND.test(file.name)) await show.sources.playSong(file);
  else if (file.type.startsWith('video/') || FILM.test(file.name))
    await show.sources.playFilm(file);
  else if (/\.set$/i.test(file.name)) {
    if (!(await show.setlist.open(file))) notice.value = `“${file.name}” is no set.`;
  } else if (/\.json$/i.test(file.name)) await takeJson(file);
  else notice.value = `“${file.name}” is no sound, video, looks or controllers file.`;
}

/** Several files at once: the first that plays. */
async function takeAll(show: Show, files: readonly File[]): Promise<void> {
  const songs = files.filter(({ name, type }) => type.startsWith('audio/') || SOUND.test(name));
  // with the set in sight, songs are for it
  if (songs.length > 0 && (setOpen.peek() || songs.length > 1)) {
    setOpen.value = true;
    await show.setlist.add(songs);
    return;
  }
  const plays = files.find(({ name, type }) => /^(audio|video)\//.test(type) || SOUND.test(name));
  const first = plays ?? files[0];
  if (first === undefined) return;
  await take(show, first);
  if (files.length > 1 && notice.peek() === '') notice.value = `One at a time: “${first.name}”.`;
}

async function takeJson(file: File): Promise<void> {
  try {
    const text = await file.text();
    const mappings = controllersOf(text);
    if (mappings === null) importPresets(text);
    else {
      let all = bindings.peek();
      for (const [source, mapping] of Object.entries(mappings)) all = bind(all, source, mapping);
      bindings.value = all;
      notice.value = `${Object.keys(mappings).length} controls are mapped.`;
    }
  } catch (error) {
    complain(error);
  }
}

/** A song that the server composes, so that a first visitor hears and sees it all with one click. */
export async function playDemo(show: Show): Promise<void> {
  if (composing.peek()) return;
  composing.value = true;
  try {
    // the click counts for the sound only while it is fresh
    await show.sources.sound.desk();
    const answer = await fetch(new URL('api/demo.wav', location.href));
    if (!answer.ok) throw new Error('The server could not compose a song: drop one of yours.');
    const file = new File([await answer.blob()], 'phosphene demo.wav', { type: 'audio/wav' });
    await show.sources.playSong(file);
  } catch (error) {
    complain(error);
  } finally {
    composing.value = false;
  }
}

/** The whole window takes files. */
export function DropZone() {
  const show = useShow();
  const [over, setOver] = useState(false);
  useEffect(() => {
    const files = (event: DragEvent): boolean =>
      event.dataTransfer?.types.includes('Files') ?? false;
    const drag = (event: DragEvent): void => {
      if (!files(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: DragEvent): void => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event: DragEvent): void => {
      if (!files(event)) return;
      event.preventDefault();
      setOver(false);
      void takeAll(show, [...(event.dataTransfer?.files ?? [])]);
    };
    addEventListener('dragover', drag);
    addEventListener('dragleave', leave);
    addEventListener('drop', drop);
    return () => {
      removeEventListener('dragover', drag);
      removeEventListener('dragleave', leave);
      removeEventListener('drop', drop);
    };
  }, [show]);
  if (!over) return null;
  return (
    <div class="drop" aria-hidden="true">
      <p>Let go: a song plays, a video is painted over</p>
    </div>
  );
}
