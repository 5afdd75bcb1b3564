/** The page's sound on its way to the server. */

import { Desk } from '../sound/desk';
import { soundHeld } from '../state/store';
import { Kind } from '../wire/frame';
import type { Link } from '../wire/link';

/** what waits longer than this on a slow line is not sent, bytes */
const MOST_WAITING = 200_000;

export class Sound {
  private made: Desk | null = null;
  private sequence = 0;

  constructor(private readonly link: Link) {}

  /** Seconds from playing a sample to hearing it. */
  get latency(): number {
    return this.made?.latency ?? 0;
  }

  /** What a recording should hear. */
  get stream(): MediaStream {
    return this.made?.programme.stream ?? new MediaStream();
  }

  /** The audio context and its taps; made when first needed. */
  async desk(): Promise<Desk> {
    this.made ??= new Desk((samples, captured) => this.send(samples, captured));
    await this.wake();
    return this.made;
  }

  /** Browsers start sound only after a touch or a key; every one of them is a chance. */
  async wake(): Promise<void> {
    if (this.made !== null) soundHeld.value = !(await this.made.wake());
  }

  /** Route `node` to the server, to recordings and, if `aloud`, to the room; returns how to end that. */
  async play(node: AudioNode, aloud: boolean): Promise<() => void> {
    const desk = await this.desk();
    if (aloud) node.connect(desk.context.destination);
    node.connect(desk.programme);
    const unlisten = await desk.listen(node);
    return () => {
      unlisten();
      node.disconnect();
    };
  }

  private send(samples: Float32Array<ArrayBuffer>, captured: number): void {
    if (this.link.waiting > MOST_WAITING || this.made === null) return;
    this.link.sendFrame({
      kind: Kind.soundIn,
      sequence: this.sequence++,
      captured,
      value: this.made.context.sampleRate,
      payload: new Uint8Array(samples.buffer),
    });
  }
}
