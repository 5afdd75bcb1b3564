/**
 * The browser's own store for what is too large for `localStorage`: songs and films, so that a reload finds
 * them again, and recordings, which are written as they grow.
 *
 * IndexedDB, and not the file system of the origin, which pages without https do not have.
 */

const NAME = 'phosphene';
/** of each kind; the oldest makes way */
const FILES_KEPT = 4;

export interface Take {
  id: string;
  name: string;
  type: string;
  /** wall clock, ms */
  started: number;
  last: number;
}

type StoreName = 'files' | 'takes' | 'pieces';

let opened: Promise<IDBDatabase> | null = null;

function database(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('files', { keyPath: 'id' });
      request.result.createObjectStore('takes', { keyPath: 'id' });
      request.result.createObjectStore('pieces', { keyPath: ['take', 'at'] });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error('another page holds the store'));
  });
  return opened;
}

/** One transaction; resolves when it is on disk, with what `work` asked for. */
async function transact<T>(
  stores: StoreName[],
  mode: IDBTransactionMode,
  work: (transaction: IDBTransaction) => IDBRequest<T> | null,
): Promise<T | undefined> {
  const transaction = (await database()).transaction(stores, mode);
  const request = work(transaction);
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = () => reject(transaction.error);
    transaction.onerror = () => reject(transaction.error);
  });
}

interface Entry {
  id: string;
  file: File;
  at: number;
  /** a song of the set: it goes when it is taken out, not when others come */
  pinned?: boolean;
}

/** Keep a file; its key. Rejects where the browser keeps nothing, or has no room. */
export async function keepFile(file: File, pinned = false): Promise<string> {
  const id = crypto.getRandomValues(new Uint32Array(2)).join('');
  const known = await transact(['files'], 'readonly', (t) => t.objectStore('files').getAllKeys());
  const all = (await Promise.all((known ?? []).map((key) => stored(String(key))))).flatMap(
    (entry) => entry ?? [],
  );
  const passing = all.filter((entry) => entry.pinned !== true).sort((a, b) => b.at - a.at);
  const old = pinned ? [] : passing.slice(FILES_KEPT - 1);
  await transact(['files'], 'readwrite', (t) => {
    for (const entry of old) t.objectStore('files').delete(entry.id);
    return t.objectStore('files').put({ id, file, at: Date.now(), pinned });
  });
  return id;
}

export async function keptFile(id: string): Promise<File | null> {
  return (await stored(id))?.file ?? null;
}

/** The songs of the set are these now: others that were pinned go. */
export async function unpin(wanted: readonly string[]): Promise<void> {
  const keys = await transact(['files'], 'readonly', (t) => t.objectStore('files').getAllKeys());
  for (const key of (keys ?? []).map(String)) {
    if (wanted.includes(key) || (await stored(key))?.pinned !== true) continue;
    await transact(['files'], 'readwrite', (t) => {
      t.objectStore('files').delete(key);
      return null;
    });
  }
}

async function stored(id: string): Promise<Entry | undefined> {
  return transact(['files'], 'readonly', (t) => t.objectStore('files').get(id));
}

/** Write another piece of a recording. */
export async function addPiece(take: Take, at: number, data: Blob): Promise<void> {
  await transact(['takes', 'pieces'], 'readwrite', (t) => {
    t.objectStore('takes').put(take);
    return t.objectStore('pieces').put({ take: take.id, at, data });
  });
}

export async function takes(): Promise<Take[]> {
  return (await transact(['takes'], 'readonly', (t) => t.objectStore('takes').getAll())) ?? [];
}

/** All that was written of a recording. */
export async function takeFile(take: Take): Promise<File> {
  const pieces = await transact(['pieces'], 'readonly', (t) =>
    t.objectStore('pieces').getAll(piecesOf(take.id)),
  );
  const data = (pieces ?? []).map((piece: { data: Blob }) => piece.data);
  return new File(data, take.name, { type: take.type });
}

export async function dropTake(id: string): Promise<void> {
  await transact(['takes', 'pieces'], 'readwrite', (t) => {
    t.objectStore('takes').delete(id);
    t.objectStore('pieces').delete(piecesOf(id));
    return null;
  });
}

function piecesOf(id: string): IDBKeyRange {
  return IDBKeyRange.bound([id, 0], [id, Number.MAX_SAFE_INTEGER]);
}
