/** The page's sound on its way to the room and to the server. */

import { effect } from '@preact/signals';
import { Desk } from '../sound/desk';
import { muted, soundHeld, volume } from '../state/store';
import { Kind } from '../wire/frame';
import type { Link } from '../wire/link';

/** what waits longer than this on a slow line is not sent, bytes */
const MOST_WAITING = 200_000;

export class Sound {
  private made: Desk | null = null;
  private sequence = 0;

  /** `woken`: sound runs again after the browser held it back. */
  constructor(
    private readonly link: Link,
    private readonly woken: () => void,
  ) {}

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
    if (this.made === null) {
      const desk = new Desk(
        (samples, captured) => this.send(samples, captured),
        (running) => this.running(running),
      );
      this.made = desk;
      effect(() => {
        // loudness is heard by its logarithm: the square makes the middle of the slider half as loud
        desk.volume = muted.value ? 0 : volume.value ** 2;
      });
    }
    await this.wake();
    await this.made.ready();
    return this.made;
  }

  /** Browsers start sound only after a touch or a key; every one of them is a chance. */
  async wake(): Promise<void> {
    if (this.made !== null) this.running(await this.made.wake());
  }

  private running(running: boolean): void {
    const held = soundHeld.peek();
    soundHeld.value = !running;
    if (held && running) this.woken();
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
