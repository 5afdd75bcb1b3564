/** A file that plays: an element of its own, decoded before anything else has to make way for it. */

/** a browser that says nothing about a file for so long will not play it, ms */
const PATIENCE_MS = 20_000;
/** in which a file that says what it is shows its first picture, where a browser decodes ahead, ms */
const METADATA_MS = 1500;

export class Deck {
  private node: GainNode | null = null;
  /** where it stands in the browser's store, once it is kept there */
  key = '';

  private constructor(
    readonly file: File,
    readonly element: HTMLMediaElement,
  ) {}

  /** Open `file` as a song or a film; rejects with a sentence what the browser cannot play. */
  static async open(file: File, kind: 'song' | 'film'): Promise<Deck> {
    if (file.size === 0) throw new Error(`“${file.name}” is empty.`);
    const element = kind === 'song' ? new Audio() : document.createElement('video');
    element.preload = 'auto';
    if (element instanceof HTMLVideoElement) {
      element.playsInline = true;
      element.loop = true;
    }
    const deck = new Deck(file, element);
    element.src = URL.createObjectURL(file);
    try {
      await loaded(element);
    } catch {
      deck.close();
      const what = kind === 'song' ? 'MP3, WAV, FLAC or Ogg' : 'MP4 or WebM';
      throw new Error(
        `“${file.name}” cannot be played: it is damaged, or of a kind this browser does not know. ${what} will do.`,
      );
    }
    return deck;
  }

  /** What it shows; null for a file without a picture. */
  get video(): HTMLVideoElement | null {
    const { element } = this;
    return element instanceof HTMLVideoElement && element.videoWidth > 0 ? element : null;
  }

  get playing(): boolean {
    return !this.element.paused && !this.element.ended;
  }

  /** Its sound; an element can be routed only once, for good. */
  sound(context: AudioContext): AudioNode {
    if (this.node === null) {
      this.node = new GainNode(context);
      context.createMediaElementSource(this.element).connect(this.node);
    }
    return this.node;
  }

  /** Come in from silence, or go out into it, within so many seconds. */
  fade(inwards: boolean, seconds: number): void {
    if (this.node === null || seconds <= 0) return;
    const { gain, context } = this.node;
    const [from, to] = inwards ? [0, 1] : [gain.value, 0];
    // equal power: two songs that cross are as loud together as one
    const curve = Float32Array.from({ length: 33 }, (_, i) =>
      inwards ? Math.sin((i / 64) * Math.PI) * to : Math.cos((i / 64) * Math.PI) * from,
    );
    gain.cancelScheduledValues(context.currentTime);
    gain.setValueCurveAtTime(curve, context.currentTime, seconds);
  }

  /** Play from here; false when the browser wants a touch first. */
  async play(): Promise<boolean> {
    try {
      await this.element.play();
      return true;
    } catch (error) {
      return !(error instanceof DOMException && error.name === 'NotAllowedError');
    }
  }

  close(): void {
    this.element.pause();
    const { src } = this.element;
    this.element.removeAttribute('src');
    this.element.load();
    URL.revokeObjectURL(src);
  }
}

function loaded(element: HTMLMediaElement): Promise<void> {
  return new Promise((resolve, reject) => {
    let timer = window.setTimeout(reject, PATIENCE_MS);
    const on = (event: string, then: () => void): void =>
      element.addEventListener(event, then, { once: true });
    const over = (then: () => void): void => {
      clearTimeout(timer);
      then();
    };
    // one picture, or one piece of sound, was really decoded
    on('loadeddata', () => over(resolve));
    on('error', () => over(() => reject(element.error)));
    // phones decode nothing before it is played: there, what the file says of itself must do
    on('loadedmetadata', () => {
      clearTimeout(timer);
      timer = window.setTimeout(resolve, METADATA_MS);
    });
    element.load();
  });
}
