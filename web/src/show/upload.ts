/** Sends a song file, with progress. */

export interface Upload {
  id: string;
}

/** Raw body to the session; throws the server's sentence. */
export function upload(
  session: string,
  file: File,
  progress: (share: number) => void,
  cancelled: AbortSignal,
): Promise<Upload> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const address = new URL(`api/sessions/${session}/songs`, location.href);
    // what scores call it
    address.searchParams.set('name', file.name.slice(-300));
    request.open('POST', address.href);
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.responseType = 'json';
    request.upload.onprogress = ({ loaded, total }) => progress(total > 0 ? loaded / total : 0);
    request.onload = () => {
      if (request.status < 300) resolve(request.response as Upload);
      else reject(new Error(sentence(request.response) ?? 'The server did not take the song.'));
    };
    request.onerror = () => reject(new Error('The song did not reach the server.'));
    cancelled.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}

function sentence(answer: unknown): string | null {
  if (typeof answer !== 'object' || answer === null) return null;
  const { message, detail } = answer as { message?: unknown; detail?: unknown };
  return [message, detail].find((text) => typeof text === 'string') ?? null;
}
