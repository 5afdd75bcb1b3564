/** The page's one audio context, and the only owner of its graph: what the room hears, what is recorded, what is sent. */

import workletAddress from './chunks.worklet.ts?worker&url';

interface Piece {
  samples: Float32Array<ArrayBuffer>;
  /** context time of the last sample, seconds */
  end: number;
}

/** Where a source's sound goes besides into recordings. */
export interface Route {
  room: boolean;
  server: boolean;
}

/** a change of volume is spread over this, or it would click, seconds */
const SMOOTH = 0.03;

export class Desk {
  readonly context = new AudioContext({ latencyHint: 'interactive' });
  /** everything that a recording should hear, at full volume */
  readonly programme = this.context.createMediaStreamDestination();
  private readonly room = new GainNode(this.context);
  private tap: AudioWorkletNode | null = null;
  private readonly made: Promise<void>;
  /** least difference between page time and context time seen so far, ms */
  private offset = Number.POSITIVE_INFINITY;

  constructor(
    private readonly piece: (samples: Float32Array<ArrayBuffer>, captured: number) => void,
    state: (running: boolean) => void,
  ) {
    this.room.connect(this.context.destination);
    this.context.onstatechange = () => state(this.context.state === 'running');
    this.made = this.makeTap();
  }

  /** Resolves once sound can be routed. */
  ready(): Promise<void> {
    return this.made;
  }

  /** Seconds between handing a sample to the system and hearing it. */
  get latency(): number {
    return (this.context.baseLatency || 0) + (this.context.outputLatency || 0);
  }

  /** What the room hears of it all, 0..1. */
  set volume(volume: number) {
    this.room.gain.setTargetAtTime(volume, this.context.currentTime, SMOOTH);
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

  /**
   * Route `node` until the returned function is called, which may happen twice.
   *
   * Each opening has a channel of its own: to end one never cuts another, even of the same node.
   */
  route(node: AudioNode, { room, server }: Route): () => void {
    const channel = new GainNode(this.context);
    channel.connect(this.programme);
    if (room) channel.connect(this.room);
    if (server && this.tap !== null) {
      this.offset = Number.POSITIVE_INFINITY;
      channel.connect(this.tap);
    }
    node.connect(channel);
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      node.disconnect(channel);
      channel.disconnect();
    };
  }

  private async makeTap(): Promise<void> {
    await this.context.audioWorklet.addModule(workletAddress);
    this.tap = new AudioWorkletNode(this.context, 'phosphene-chunks');
    this.tap.port.onmessage = (event: MessageEvent<Piece>) => this.take(event.data);
    // it writes nothing; connected, it is never put to sleep
    this.tap.connect(this.context.destination);
  }

  private take({ samples, end }: Piece): void {
    // the piece that waited least for this thread tells the offset best
    this.offset = Math.min(this.offset, performance.now() - end * 1000);
    this.piece(samples, end * 1000 + this.offset);
  }
}
