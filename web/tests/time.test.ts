import { describe, expect, it } from 'vitest';
import { Lead } from '../src/time/lead';
import { Playout } from '../src/time/playout';
import { ShowQueue } from '../src/time/queue';
import { Recent } from '../src/time/recent';
import { SongClock } from '../src/time/songclock';

/** the same numbers every time: mulberry32 */
function randoms(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** share of gaps that are off the steady one by less than 4 ms */
function evenness(times: number[], every: number): number {
  const steps = gaps(times);
  return steps.filter((gap) => Math.abs(gap - every) < 4).length / steps.length;
}

const gaps = (times: number[]): number[] => times.slice(1).map((t, i) => t - (times[i] ?? 0));

/** pictures captured every `every` ms, ready after `base` plus a long-tailed jitter */
function jittery(count: number, every: number, base: number, jitter: number) {
  const random = randoms(7);
  return Array.from({ length: count }, (_, i) => {
    const captured = 1000 + i * every;
    return { captured, ready: captured + base - jitter * Math.log(1 - random()) };
  });
}

describe('playout', () => {
  it('evens out jittery arrivals, without adding more than the jitter', () => {
    const playout = new Playout();
    const pictures = jittery(600, 40, 60, 12).sort((a, b) => a.ready - b.ready);
    const shown = pictures.map(({ captured, ready }) => ({
      captured,
      at: Math.max(ready, playout.schedule(captured, ready)),
    }));
    const later = shown.slice(100);
    expect(
      evenness(
        pictures.slice(100).map((p) => p.ready),
        40,
      ),
    ).toBeLessThan(0.4);
    expect(
      evenness(
        later.map((p) => p.at),
        40,
      ),
    ).toBeGreaterThan(0.75);
    const ages = later.map((p) => p.at - p.captured).sort((a, b) => a - b);
    expect(ages[Math.floor(ages.length / 2)]).toBeLessThan(60 + 12 * 3);
  });

  it('follows a lasting change of latency and comes back', () => {
    const playout = new Playout();
    let now = 0;
    for (const latency of [50, 150, 50]) {
      for (const end = now + 8000; now < end; now += 40) playout.schedule(now, now + latency);
      expect(Math.abs(playout.delayMs - latency)).toBeLessThan(8);
    }
  });

  it('takes a new situation at once', () => {
    const playout = new Playout();
    for (let i = 0; i < 60; i++) playout.schedule(i * 40, i * 40 + 50);
    for (let i = 60; i < 75; i++) playout.schedule(i * 40, i * 40 + 900);
    expect(playout.delayMs).toBeGreaterThan(800);
  });

  it('spreads pictures that answer to the same input, and never holds one longer than the delay', () => {
    const playout = new Playout();
    const dues: number[] = [];
    for (let i = 0; i < 200; i++) {
      const captured = Math.floor(i / 2) * 40;
      const now = i * 20 + 60;
      const due = playout.schedule(captured, now);
      expect(due).toBeLessThanOrEqual(now + playout.delayMs + 1e-9);
      dues.push(due);
    }
    expect(Math.min(...gaps(dues.slice(100)))).toBeGreaterThan(5);
  });
});

describe('show queue', () => {
  it('shows the newest of all that are due, in order, and drops the rest', () => {
    const dropped: string[] = [];
    const queue = new ShowQueue<string>((item) => dropped.push(item));
    queue.put({ sequence: 2, due: 20, item: 'b' });
    queue.put({ sequence: 1, due: 10, item: 'a' });
    queue.put({ sequence: 3, due: 30, item: 'c' });
    expect(queue.take(5)).toBeNull();
    expect(queue.take(25)?.item).toBe('b');
    queue.put({ sequence: 1, due: 0, item: 'late' });
    expect(dropped).toEqual(['a', 'late']);
    queue.clear(true);
    expect(dropped).toEqual(['a', 'late', 'c']);
    queue.put({ sequence: 0, due: 0, item: 'new connection' });
    expect(queue.take(1)?.item).toBe('new connection');
  });

  it('never grows without bound', () => {
    let dropped = 0;
    const queue = new ShowQueue<number>(() => dropped++);
    for (let i = 0; i < 1000; i++)
      queue.put({ sequence: i, due: Number.POSITIVE_INFINITY, item: i });
    expect(queue.length).toBeLessThan(100);
    expect(dropped + queue.length).toBe(1000);
  });
});

describe('song clock', () => {
  it('is smoother and truer than the readings it gets', () => {
    const random = randoms(3);
    const clock = new SongClock();
    clock.observe(0, 0, 1);
    let worst = 0;
    for (let now = 16; now < 20_000; now += 16) {
      // an element's clock that steps by 20 ms and is read with some delay
      const reading = Math.floor((now - 4 * random()) / 20) * 0.02;
      expect(clock.observe(now, reading, 1)).toBe(false);
      if (now > 2000) worst = Math.max(worst, Math.abs(clock.where(now) - (now - 12) / 1000));
    }
    expect(worst).toBeLessThan(0.008);
  });

  it('says when it jumps, stops and starts, and what time a position has', () => {
    const clock = new SongClock();
    expect(clock.observe(0, 10, 1)).toBe(true);
    expect(clock.when(12)).toBeCloseTo(2000);
    expect(clock.observe(1000, 11, 1)).toBe(false);
    expect(clock.observe(1100, 40, 1)).toBe(true);
    expect(clock.where(2100)).toBeCloseTo(41);
    expect(clock.observe(2100, 41, 0)).toBe(true);
    expect(clock.where(9999)).toBeCloseTo(41);
    expect(clock.when(50)).toBe(Number.POSITIVE_INFINITY);
    expect(clock.observe(10_000, 41, 2)).toBe(true);
    expect(clock.where(11_000)).toBeCloseTo(43);
  });
});

describe('lead', () => {
  it('finds the lead that just suffices for a jittery server, and gives room back', () => {
    const random = randoms(11);
    const lead = new Lead();
    const run = (base: number, count: number): number => {
      let late = 0;
      for (let i = 0; i < count; i++) {
        const slack = lead.seconds - base - 0.03 * random();
        if (i > count / 2 && slack < 0) late++;
        lead.arrived(slack);
      }
      return late / (count / 2);
    };
    expect(run(0.3, 400)).toBeLessThan(0.1);
    expect(lead.seconds).toBeGreaterThan(0.3);
    expect(lead.seconds).toBeLessThan(0.42);
    run(0.05, 1500);
    expect(lead.seconds).toBeLessThan(0.14);
  });

  it('stays in bounds whatever it sees', () => {
    const lead = new Lead();
    for (let i = 0; i < 500; i++) lead.arrived(-10);
    expect(lead.seconds).toBe(3);
    for (let i = 0; i < 5000; i++) lead.arrived(10);
    expect(lead.seconds).toBe(0);
  });
});

describe('recent', () => {
  it('forgets what is old', () => {
    const recent = new Recent(3);
    expect(recent.quantile(0.5)).toBeNaN();
    for (const value of [100, 1, 2, 3]) recent.add(value);
    expect(recent.quantile(0)).toBe(1);
    expect(recent.quantile(1)).toBe(3);
    expect(recent.count).toBe(3);
  });
});
