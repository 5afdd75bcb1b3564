import { describe, expect, it } from 'vitest';
import { Credits } from '../src/capture/credits';
import { accentHue } from '../src/picture/accent';
import { Effort } from '../src/picture/effort';
import { crop, place, resolution } from '../src/picture/fit';
import { backoff } from '../src/wire/backoff';
import { HEADER_BYTES, Kind, pack, unpack } from '../src/wire/frame';
import { parse } from '../src/wire/messages';

describe('frames', () => {
  it('have the layout of protocol 1', () => {
    const message = pack({
      kind: Kind.soundIn,
      sequence: 0x01020304,
      captured: 1234.5,
      value: 48000,
      payload: new Uint8Array([9, 8, 7]),
    });
    const bytes = new Uint8Array(message);
    expect([...bytes.slice(0, 8)]).toEqual([1, 2, 0, 0, 4, 3, 2, 1]);
    expect(bytes.length).toBe(HEADER_BYTES + 3);
    expect(unpack(message)).toMatchObject({
      kind: 2,
      sequence: 0x01020304,
      captured: 1234.5,
      value: 48000,
    });
    expect([...(unpack(message)?.payload ?? [])]).toEqual([9, 8, 7]);
  });

  it('of other protocols are refused', () => {
    expect(unpack(new ArrayBuffer(3))).toBeNull();
    expect(unpack(new ArrayBuffer(HEADER_BYTES))).toBeNull();
    expect(parse('{')).toBeNull();
    expect(parse('[]')).toBeNull();
    expect(parse('{"type":"scene"}')).toEqual({ type: 'scene' });
  });

  it('are asked for again after waits that grow and stay bounded', () => {
    expect(backoff(0, 0.5)).toBe(250);
    expect(backoff(3, 0.5)).toBe(2000);
    expect(backoff(50, 1)).toBeLessThanOrEqual(10_000);
  });
});

describe('credits', () => {
  it('send only with credit, and always the newest', () => {
    let grabbed = 0;
    const credits = new Credits(() => grabbed++);
    credits.offer();
    expect(grabbed).toBe(0);
    credits.add(2);
    expect(grabbed).toBe(1);
    credits.offer();
    credits.offer();
    expect(grabbed).toBe(1);
    credits.done(true);
    expect(grabbed).toBe(2);
    credits.done(true);
    credits.offer();
    expect(grabbed).toBe(2);
    credits.add(1);
    expect(grabbed).toBe(3);
    credits.done(false);
    credits.offer();
    expect(grabbed).toBe(4);
    credits.reset();
    credits.offer();
    expect(grabbed).toBe(4);
  });
});

describe('pictures', () => {
  it('fill the window or are seen whole, in the middle', () => {
    const window = { width: 1600, height: 900 };
    expect(place('cover', 256, 256, window)).toEqual({ x: 0, y: -350, width: 1600, height: 1600 });
    expect(place('contain', 256, 256, window)).toEqual({ x: 350, y: 0, width: 900, height: 900 });
    expect(crop({ width: 1280, height: 720 }, 256, 256)).toEqual({
      x: 280,
      y: 0,
      width: 720,
      height: 720,
    });
  });

  it('are drawn with fewer pixels where drawing takes long', () => {
    // a machine that keeps its 60 frames a second up to 800 pixels
    const effort = new Effort();
    const seen: number[] = [];
    for (let i = 0; i < 60 * 60 * 10; i++) {
      effort.frame(effort.longest > 900 ? 33.4 : i % 50 === 0 ? 33.4 : 16.7);
      seen.push(effort.longest);
    }
    const later = seen.slice(60 * 60);
    expect(later.filter((side) => side === 810).length / later.length).toBeGreaterThan(0.9);
    // one without limits uses them
    const free = new Effort();
    for (let i = 0; i < 60 * 60; i++) free.frame(16.7);
    expect(free.longest).toBe(2560);
    expect(resolution({ width: 3840, height: 2160 }, 1920)).toEqual({ width: 1920, height: 1080 });
    expect(resolution({ width: 800, height: 600 }, 1920)).toEqual({ width: 800, height: 600 });
  });

  it('light the page with their strongest hue', () => {
    const fill = (r: number, g: number, b: number) =>
      new Uint8ClampedArray([r, g, b, 255, r, g, b, 255]);
    expect(accentHue(fill(255, 0, 0))).toBeCloseTo(29.2, 0);
    expect(accentHue(fill(0, 0, 255))).toBeCloseTo(264, 0);
    expect(accentHue(fill(128, 128, 128))).toBeNull();
    expect(accentHue(fill(0, 0, 0))).toBeNull();
  });
});
