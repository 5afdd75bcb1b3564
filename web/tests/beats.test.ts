import { describe, expect, it } from 'vitest';
import { isRest } from '../src/picture/motion';
import { type Accent, Beats, beatOfPulse, beatOfSong, hardness } from '../src/time/beats';

const FRAME = 1000 / 60;
/** three minutes at a tempo that wanders about 128 */
const BEATS = Array.from({ length: 384 }, (_, i) => 0.3 + (i * 60) / 128 + 0.01 * Math.sin(i));

describe('the beat belongs to the display', () => {
  for (const interval of [120, 400, 2000]) {
    it(`punches within a frame of the screen for three minutes, keys ${interval} ms apart`, () => {
      const beats = new Beats();
      const heard = new Set<number>();
      const late: number[] = [];
      let largest = 1;
      for (let now = 0; now < 180_000; now += FRAME) {
        const beat = beatOfSong(BEATS, now / 1000, 1);
        const { motion: push, light } = beats.push(beat && { ...beat, strength: 1 }, 0.5, interval);
        if (beat === null) {
          expect(isRest(push)).toBe(true);
          continue;
        }
        const size = push.turn[0];
        // a beat is where the picture swells: from then on it falls
        if (!heard.has(beat.count)) {
          heard.add(beat.count);
          late.push(beat.since * 1000);
          expect(size).toBeGreaterThan(1.01);
          expect(light).toBeGreaterThan(1.1);
        } else expect(size).toBeLessThan(largest);
        largest = size;
      }
      expect(heard.size).toBe(BEATS.filter((at) => at < 180).length);
      expect(Math.max(...late)).toBeLessThanOrEqual(FRAME + 1e-6);
    });
  }

  const still = ({ motion, light }: Accent) => isRest(motion) && light === 1;

  it('leaves it to a model that is fast enough, and to silence', () => {
    const beat = { since: 0, count: 1, strength: 1 };
    expect(still(new Beats().push(beat, 0.5, 30))).toBe(true);
    expect(still(new Beats().push({ ...beat, strength: hardness(1, 0) }, 0.5, 400))).toBe(true);
    expect(still(new Beats().push(beat, 0, 400))).toBe(true);
  });

  it('goes on between two messages, and not where no beat is sure', () => {
    const pulse = { t: 1000, position: 7.5, tempo: 120, confidence: 0.8, bass: 1, energy: 0.5 };
    const beat = beatOfPulse(pulse, 1300);
    expect(beat?.count).toBe(8);
    expect(beat?.since).toBeCloseTo(0.05, 6);
    expect(beatOfPulse({ ...pulse, confidence: 0.1 }, 1300)).toBeNull();
    expect(beatOfPulse({ ...pulse, tempo: 0 }, 1300)).toBeNull();
  });
});
