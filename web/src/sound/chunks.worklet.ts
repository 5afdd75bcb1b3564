/** On the audio thread: mixes to mono and hands on pieces of about 20 ms. */

const BLOCK = 128;
const PIECE = Math.max(1, Math.round((sampleRate * 0.02) / BLOCK)) * BLOCK;

class Chunks extends AudioWorkletProcessor {
  private piece = new Float32Array(PIECE);
  private filled = 0;

  process([channels = []]: Float32Array[][]): boolean {
    for (let i = 0; i < BLOCK; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i] ?? 0;
      this.piece[this.filled++] = sum / Math.max(1, channels.length);
    }
    if (this.filled === PIECE) {
      const end = currentTime + BLOCK / sampleRate;
      this.port.postMessage({ samples: this.piece, end }, [this.piece.buffer]);
      this.piece = new Float32Array(PIECE);
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor('phosphene-chunks', Chunks);
