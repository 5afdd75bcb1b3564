/** Opens microphones, cameras, tabs and files; every failure becomes a sentence. */

export async function openMicrophone(id: string): Promise<MediaStream> {
  // the browser's voice filters would eat the music
  const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  return ask('microphone', () => devices().getUserMedia({ audio: { ...plain, ...chosen(id) } }));
}

/** `side`: of the picture it is wanted for, pixels; more would only be thrown away. */
export async function openCamera(id: string, side: number): Promise<MediaStream> {
  // larger pictures cost the browser more than they show: the model draws over them
  const [width, height] = side <= 1024 ? [640, 480] : [1280, 720];
  const size = { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 30 } };
  return ask('camera', () => devices().getUserMedia({ video: { ...size, ...chosen(id) } }));
}

/** Another tab, window or screen, with its sound. */
export async function openTab(): Promise<MediaStream> {
  const sound = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  return ask('tab', () => devices().getDisplayMedia({ video: true, audio: sound }));
}

/** Whether the browser gives it without asking: nobody wants to be asked in the middle of a show. */
export async function allowed(name: 'camera' | 'microphone'): Promise<boolean> {
  try {
    const { state } = await navigator.permissions.query({ name: name as PermissionName });
    return state === 'granted';
  } catch {
    return true; // a browser that does not tell
  }
}

export async function listDevices(kind: MediaDeviceKind): Promise<MediaDeviceInfo[]> {
  const found = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return found.filter((device) => device.kind === kind && device.deviceId !== '');
}

export function stop(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** A silent video element that shows `stream` and never goes full screen by itself. */
export function videoOf(stream: MediaStream): HTMLVideoElement {
  const video = document.createElement('video');
  video.playsInline = true;
  video.srcObject = stream;
  video.muted = true;
  return video;
}

function chosen(id: string): MediaTrackConstraints {
  return id === '' ? {} : { deviceId: { ideal: id } };
}

function devices(): MediaDevices {
  if (navigator.mediaDevices === undefined) {
    throw new Error(
      'The browser gives camera and sound only to secure pages: open phosphene as localhost or over https.',
    );
  }
  return navigator.mediaDevices;
}

async function ask(what: string, open: () => Promise<MediaStream>): Promise<MediaStream> {
  try {
    return await open();
  } catch (error) {
    const name = error instanceof DOMException ? error.name : '';
    if (name === 'NotAllowedError')
      throw new Error(`The ${what} was not allowed: allow it in the address bar.`);
    if (name === 'NotFoundError')
      throw new Error(`There is no ${what} here: plug one in and choose it again.`);
    if (name === 'NotReadableError')
      throw new Error(`The ${what} is in use by another program: close that first.`);
    throw error;
  }
}
