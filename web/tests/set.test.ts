import { describe, expect, it } from 'vitest';
import {
  barAfter,
  emptySet,
  fromFile,
  inOrder,
  looksUsed,
  moved,
  placeOf,
  reordered,
  snap,
  toFile,
  whereText,
} from '../src/set/model';
import { pack, unpack } from '../src/set/pack';

const BARS = [0.5, 2.5, 4.5, 6.5];

describe('cues', () => {
  it('lie on bars, or where they are put', () => {
    expect(snap(3.4, BARS)).toBe(2.5);
    expect(snap(3.4, [])).toBe(3.4);
    expect(barAfter(2.6, 1, BARS)).toBe(4.5);
    expect(barAfter(6.5, 1, BARS)).toBe(6.5);
    expect(barAfter(0.2, -1, BARS)).toBe(0.5);
    expect(placeOf({ bar: 3, scene: true }, BARS)).toBe(4.5);
    expect(placeOf({ bar: 9, scene: true }, BARS)).toBeNaN();
    expect(whereText(4.5, BARS)).toBe('bar 3');
    expect(whereText(62.54, BARS)).toBe('1:02.5');
    expect(moved({ bar: 2, look: 'Ocean' }, 1.23456)).toEqual({ look: 'Ocean', at: 1.2346 });
    const cues = inOrder(
      [
        { at: 5, scene: true },
        { bar: 1, scene: true },
      ],
      BARS,
    );
    expect(cues.map((cue) => placeOf(cue, BARS))).toEqual([0.5, 5]);
    expect(reordered(['a', 'b', 'c'], 0, 2)).toEqual(['b', 'c', 'a']);
  });
});

describe('a set as a file', () => {
  const song = { name: 'a.wav', sha256: 'ab'.repeat(32), cues: [{ at: 1, look: 'Ocean' }] };
  const set = { ...emptySet(7), name: 'Friday', deck: ['Mine'], songs: [{ ...song, key: '12' }] };

  it('holds all that a cue needs and nothing of this browser', () => {
    expect(looksUsed(set).sort()).toEqual(['Mine', 'Ocean']);
    const file = toFile(set, { Mine: { 'camera.zoom': 1 } }, {});
    expect(JSON.stringify(file)).not.toContain('"key"');
    expect(fromFile(JSON.stringify(file))).toEqual({ ...file, songs: [song] });
  });

  it('is told from other files', () => {
    for (const text of ['', '{}', '[]', 'null', '{"phosphene":"presets"}', '{"phosphene_set":"x"}'])
      expect(fromFile(text)).toBeNull();
    expect(() => fromFile('{"phosphene_set": 2}')).toThrow('newer phosphene');
    expect(fromFile('{"phosphene_set": 1, "songs": [3, {"name": "a"}]}')?.songs).toEqual([
      { name: 'a', cues: [] },
    ]);
  });

  it('survives being packed with its songs', async () => {
    const sound = new File([new Uint8Array(3_000_000).map((_, i) => i % 251)], 'a.wav');
    const packed = await pack(
      'friday.set',
      '{"phosphene_set": 1}',
      new Map([['songs/a.wav', sound]]),
    );
    const { text, songs } = await unpack(packed);
    expect(text).toBe('{"phosphene_set": 1}');
    const out = songs.get('songs/a.wav');
    const bytes = async (file: File | undefined): Promise<string> =>
      Buffer.from((await file?.arrayBuffer()) ?? new ArrayBuffer(0)).toString('base64');
    expect((await bytes(out)) === (await bytes(sound))).toBe(true);
    await expect(unpack(new File(['PK nonsense'], 'x.set'))).rejects.toThrow('x.set');
  });
});
