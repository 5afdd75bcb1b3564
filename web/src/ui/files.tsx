import { useEffect, useState } from 'preact/hooks';
import type { Show } from '../show/show';
import { notice } from '../state/store';
import { useShow } from './context';
import { importPresets } from './Keep';

const SOUND = /\.(mp3|wav|flac|ogg|oga|opus|m4a|aac|aif|aiff|wma)$/i;
const FILM = /\.(mp4|m4v|mov|mkv|webm|avi|ogv)$/i;

/** A file that somebody dropped or chose: a song, a video, or kept looks. */
export async function take(show: Show, file: File): Promise<void> {
  if (file.type.startsWith('audio/') || SOUND.test(file.name)) await show.sources.playSong(file);
  else if (file.type.startsWith('video/') || FILM.test(file.name))
    await show.sources.playFilm(file);
  else if (/\.json$/i.test(file.name)) {
    try {
      importPresets(await file.text());
    } catch (error) {
      notice.value = error instanceof Error ? error.message : String(error);
    }
  } else notice.value = `“${file.name}” is no sound, video or looks file.`;
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
      const file = event.dataTransfer?.files[0];
      if (file !== undefined) void take(show, file);
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
