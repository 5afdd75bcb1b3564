/** The page's one audio context: what is heard in the room, what is recorded, what is sent. */

import workletAddress from './chunks.worklet.ts?worker&url';

interface Piece {
  samples: Float32Array<ArrayBuffer>;
  /** context time of the last sample, seconds */
  end: number;
}

export class Desk {
  readonly context = new AudioContext({ latencyHint: 'interactive' });
  /** everything that a recording should hear */
  readonly programme = this.context.createMediaStreamDestination();
  private readonly tap: Promise<AudioWorkletNode>;
  /** least difference between page time and context time seen so far, ms */
  private offset = Number.POSITIVE_INFINITY;

  constructor(
    private readonly piece: (samples: Float32Array<ArrayBuffer>, captured: number) => void,
  ) {
    this.tap = this.makeTap();
  }

  /** Seconds between handing a sample to the system and hearing it. */
  get latency(): number {
    return (this.context.baseLatency || 0) + (this.context.outputLatency || 0);
  }

  /** True when sound runs; browsers want a touch or key first. */
  async wake(): Promise<boolean> {
    if (this.context.state !== 'running') {
      const woken = this.context.resume().then(() => true);
      const late = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 400));
      await Promise.race([woken, late]);
    }
    return this.context.state === 'running';
  }

  /** Send what `node` plays; the returned function stops it. */
  async listen(node: AudioNode): Promise<() => void> {
    const tap = await this.tap;
    this.offset = Number.POSITIVE_INFINITY;
    node.connect(tap);
    return () => node.disconnect(tap);
  }

  private async makeTap(): Promise<AudioWorkletNode> {
    await this.context.audioWorklet.addModule(workletAddress);
    const tap = new AudioWorkletNode(this.context, 'phosphene-chunks');
    tap.port.onmessage = (event: MessageEvent<Piece>) => this.take(event.data);
    // it writes nothing; connected, it is never put to sleep
    tap.connect(this.context.destination);
    return tap;
  }

  private take({ samples, end }: Piece): void {
    // the piece that waited least for this thread tells the offset best
    this.offset = Math.min(this.offset, performance.now() - end * 1000);
    this.piece(samples, end * 1000 + this.offset);
  }
}
