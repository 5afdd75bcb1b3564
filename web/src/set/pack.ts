/** A set with its songs in one file: a ZIP archive, nothing in it pressed (songs are already). */

import { strToU8, Zip, ZipPassThrough } from 'fflate';

const INSIDE = 'set.json';

/** `text` and songs as one file; `songs` by the path that `text` says. */
export async function pack(name: string, text: string, songs: Map<string, File>): Promise<File> {
  const pieces: BlobPart[] = [];
  const done = new Promise<void>((resolve, reject) => {
    const zip = new Zip((error, data, final) => {
      if (error !== null) reject(error);
      else {
        pieces.push(data as Uint8Array<ArrayBuffer>);
        if (final) resolve();
      }
    });
    const write = async (): Promise<void> => {
      const head = new ZipPassThrough(INSIDE);
      zip.add(head);
      head.push(strToU8(text), true);
      for (const [path, file] of songs) {
        const entry = new ZipPassThrough(path);
        zip.add(entry);
        for await (const chunk of chunks(file)) entry.push(chunk);
        entry.push(new Uint8Array(0), true);
      }
      zip.end();
    };
    write().catch(reject);
  });
  await done;
  return new File(pieces, name, { type: 'application/zip' });
}

/** The text of a packed set and its songs by path; throws a sentence where it is none. */
export async function unpack(file: File): Promise<{ text: string; songs: Map<string, File> }> {
  const found = await entries(file);
  const head = found.get(INSIDE);
  if (head === undefined) throw new Error(`“${file.name}” is no set.`);
  found.delete(INSIDE);
  const songs = new Map(
    [...found].map(([path, data]) => [path, new File([data], path.split('/').pop() ?? path)]),
  );
  return { text: await head.text(), songs };
}

const END = 0x06054b50;
const LISTED = 0x02014b50;
/** the longest comment at the end of an archive, and what stands before it, bytes */
const LONGEST_END = 65_557;
const DEFLATED = 8;

/** Files of an archive by path: pieces of it, so that hours of music take no memory. APPNOTE.TXT, 4.3. */
async function entries(file: File): Promise<Map<string, Blob>> {
  const found = new Map<string, Blob>();
  const tail = await view(file, Math.max(0, file.size - LONGEST_END), file.size);
  let end = tail.byteLength - 22;
  while (end >= 0 && tail.getUint32(end, true) !== END) end--;
  if (end < 0) throw new Error(`“${file.name}” is damaged.`);
  const start = tail.getUint32(end + 16, true);
  const list = await view(file, start, start + tail.getUint32(end + 12, true));
  for (let at = 0; at + 46 <= list.byteLength && list.getUint32(at, true) === LISTED; ) {
    const [name, extra, comment] = [28, 30, 32].map((offset) => list.getUint16(at + offset, true));
    const path = new TextDecoder().decode(new Uint8Array(list.buffer, at + 46, name));
    const head = list.getUint32(at + 42, true);
    const local = await view(file, head, head + 30);
    const begin = head + 30 + local.getUint16(26, true) + local.getUint16(28, true);
    const data = file.slice(begin, begin + list.getUint32(at + 20, true));
    found.set(path, list.getUint16(at + 10, true) === DEFLATED ? await inflated(data) : data);
    at += 46 + (name ?? 0) + (extra ?? 0) + (comment ?? 0);
  }
  return found;
}

async function view(file: File, from: number, to: number): Promise<DataView<ArrayBuffer>> {
  return new DataView(await file.slice(from, to).arrayBuffer());
}

function inflated(data: Blob): Promise<Blob> {
  return new Response(data.stream().pipeThrough(new DecompressionStream('deflate-raw'))).blob();
}

const CHUNK = 1 << 20;

async function* chunks(file: File): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < file.size; at += CHUNK)
    yield new Uint8Array(await file.slice(at, at + CHUNK).arrayBuffer());
}
