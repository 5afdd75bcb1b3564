import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lateness, smoothstep } from '../src/picture/mix';
import { back, compose, isRest, type Motion, part, punch, REST } from '../src/picture/motion';
import type { Sheet } from '../src/picture/sheet';
import { type Key, KeyTrack } from '../src/time/track';
import stored from './motions.json';

const number = (most: number) => fc.double({ min: -most, max: most, noNaN: true });
const motions = fc
  .record({
    zoom: fc.double({ min: 0.8, max: 1.25, noNaN: true }),
    angle: number(0.5),
    x: number(0.2),
    y: number(0.2),
  })
  .map(
    ({ zoom, angle, x, y }): Motion => ({
      turn: [zoom * Math.cos(angle), zoom * Math.sin(angle)],
      shift: [x, y],
      ripple: [x / 10, y / 10],
    }),
  );

function place({ turn, shift }: Motion, x: number, y: number): [number, number] {
  return [turn[0] * x - turn[1] * y + shift[0], turn[0] * y + turn[1] * x + shift[1]];
}

function near(a: Motion, b: Motion, digits = 8): void {
  const flat = (m: Motion) => [...m.turn, ...m.shift, ...m.ripple];
  flat(a).forEach((value, i) => {
    expect(value).toBeCloseTo(flat(b)[i] ?? Number.NaN, digits);
  });
}

const sheet = (): Sheet =>
  ({ image: null, width: 512, height: 288, close: () => undefined }) as unknown as Sheet;
const key = (motion: Motion, cut = false): Key => ({ sheet: sheet(), motion, cut });

/** where a corner of the scene is on the screen, if the model changed nothing since key 0 */
function corner(
  track: KeyTrack,
  now: number,
  keys: Map<Sheet, Motion>,
  next: Key | null,
  due: number,
) {
  const seen = track.show(now, next, due);
  if (seen === null) throw new Error('nothing is seen');
  const main = seen.second !== null && seen.share > 0.5 ? seen.second : seen.first;
  const motion = main === seen.second ? seen.secondMotion : seen.firstMotion;
  const other = main === seen.second ? seen.firstMotion : seen.secondMotion;
  const whole = compose(keys.get(main) ?? REST, motion);
  const two = main === seen.second ? seen.first : seen.second;
  const ghost = two === null ? whole : compose(keys.get(two) ?? REST, other);
  return { at: place(whole, 0.5, 0.28), ghost: place(ghost, 0.5, 0.28), share: seen.share };
}

describe('motion', () => {
  it('composes, undoes and parts', () => {
    fc.assert(
      fc.property(motions, motions, (a, b) => {
        const both = compose(a, b);
        const [x, y] = place(a, 0.3, -0.2);
        const there = place(both, 0.3, -0.2);
        expect(there[0]).toBeCloseTo(place(b, x, y)[0], 9);
        expect(there[1]).toBeCloseTo(place(b, x, y)[1], 9);
        near(compose(both, back(both)), REST);
        let way = REST;
        for (let i = 0; i < 5; i++) way = compose(way, part({ ...both, ripple: [0, 0] }, 0.2));
        near(way, { ...both, ripple: [0, 0] }, 6);
      }),
    );
  });

  it('is that of show/display.py, to the last digit that matters', () => {
    for (const { a, b, share, both, undone, parted } of stored.motions) {
      near(compose(a as unknown as Motion, b as unknown as Motion), both as unknown as Motion, 10);
      near(back(a as unknown as Motion), undone as unknown as Motion, 10);
      near(part(a as unknown as Motion, share), parted as unknown as Motion, 10);
    }
    for (const { since, strength, motion } of stored.punches)
      near(punch(since, strength), motion as unknown as Motion, 10);
    for (const { share, smooth, late } of stored.shares) {
      expect(smoothstep(share)).toBeCloseTo(smooth, 10);
      expect(lateness(share)).toBeCloseTo(late, 10);
    }
  });

  it('knows when nothing moves', () => {
    expect(isRest(REST)).toBe(true);
    expect(isRest(punch(-0.1, 1))).toBe(true);
    expect(isRest(punch(0, 1))).toBe(false);
  });
});

describe('the track of keys', () => {
  const step: Motion = {
    turn: [1.03 * Math.cos(0.02), 1.03 * Math.sin(0.02)],
    shift: [0.01, -0.004],
    ripple: [0, 0],
  };
  const pixel = 1 / 1280;

  for (const ahead of [0, 500]) {
    it(`shows a key that changed nothing without a jump, known ${ahead} ms ahead`, () => {
      const track = new KeyTrack();
      const keys = new Map<Sheet, Motion>();
      let total = REST;
      const list: { key: Key; due: number }[] = [];
      for (let i = 0; i < 8; i++) {
        if (i > 0) total = compose(total, step);
        const one = key(i > 0 ? step : REST);
        keys.set(one.sheet, total);
        list.push({ key: one, due: i * 400 });
      }
      let next = 0;
      let before: [number, number] | null = null;
      let speed: number | null = null;
      for (let now = 0; now < 2800; now += 1000 / 60) {
        while (list[next] !== undefined && (list[next]?.due ?? 0) <= now) {
          const entry = list[next++];
          if (entry !== undefined) track.put(entry.key, entry.due);
        }
        const coming = list[next];
        const known = coming !== undefined && coming.due - now <= ahead ? coming : null;
        const { at, ghost } = corner(track, now, keys, known?.key ?? null, known?.due ?? 0);
        // both pictures show the corner at one place
        expect(Math.hypot(at[0] - ghost[0], at[1] - ghost[1])).toBeLessThan(0.2 * pixel);
        if (before !== null) {
          const moved = Math.hypot(at[0] - before[0], at[1] - before[1]);
          // while nobody knows the camera's speed the first key stands still
          if (now > 900 && speed !== null) expect(Math.abs(moved - speed)).toBeLessThan(pixel);
          speed = moved;
        }
        before = at;
      }
    });
  }

  it('bends a guess that was wrong instead of jumping', () => {
    const track = new KeyTrack();
    const keys = new Map<Sheet, Motion>();
    let total = REST;
    for (let i = 0; i < 4; i++) {
      const one = key(i > 0 ? step : REST);
      if (i > 0) total = compose(total, step);
      keys.set(one.sheet, total);
      track.put(one, i * 400);
    }
    const last = corner(track, 1600, keys, null, 0).at;
    const still = key(REST);
    keys.set(still.sheet, total);
    track.put(still, 1600);
    const first = corner(track, 1600, keys, null, 0).at;
    expect(Math.hypot(first[0] - last[0], first[1] - last[1])).toBeLessThan(0.01 * pixel);
  });

  it('goes over to a key that is known ahead with no share that jumps, and ends at it', () => {
    const track = new KeyTrack();
    const [one, two] = [key(REST), key(step)];
    track.put(one, 0);
    const shares: number[] = [];
    for (let now = 150; now < 400; now += 10) {
      const seen = track.show(now, two, 400);
      shares.push(seen?.share ?? Number.NaN);
    }
    expect(shares[0]).toBe(0);
    shares.slice(1).forEach((value, i) => {
      expect(value - (shares[i] ?? 0)).toBeLessThan(0.05);
    });
    track.put(two, 400);
    const seen = track.show(400, null, 0);
    expect(seen?.first).toBe(two.sheet);
    expect(seen?.second).toBeNull();
    expect(isRest(seen?.firstMotion ?? step)).toBe(true);
  });

  it('shows cuts as they are, and survives hours', () => {
    const track = new KeyTrack();
    for (let i = 0; i < 4 * 3600; i++) track.put(key(step), i * 1000);
    const cut = key(step, true);
    track.put(cut, 4 * 3600_000);
    const seen = track.show(4 * 3600_000, null, 0);
    expect(seen?.first).toBe(cut.sheet);
    expect(seen?.second).toBeNull();
    expect(isRest(seen?.firstMotion ?? step)).toBe(true);
  });
});
