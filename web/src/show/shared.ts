/** A shared tab: asked for once, used for sound, for pictures, or for both. */

import { openTab, stop } from './inputs';

export class Tab {
  private stream: MediaStream | null = null;
  private asking: Promise<MediaStream> | null = null;
  private users = 0;

  /** `ended`: the performer stopped sharing. */
  constructor(private readonly ended: () => void) {}

  async open(): Promise<MediaStream> {
    this.users++;
    try {
      if (this.stream?.active) return this.stream;
      this.asking ??= openTab();
      const stream = await this.asking;
      if (this.stream !== stream) {
        this.stream = stream;
        for (const track of stream.getTracks()) track.addEventListener('ended', this.ended);
      }
      return stream;
    } catch (error) {
      this.users--;
      throw error;
    } finally {
      this.asking = null;
    }
  }

  /** One user less; without any the sharing ends. */
  leave(): void {
    this.users--;
    if (this.users > 0) return;
    stop(this.stream);
    this.stream = null;
  }
}
