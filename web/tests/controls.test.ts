import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MidiClock } from '../src/controls/clock';
import {
  type Bindings,
  bind,
  bound,
  Edge,
  fromOlder,
  type Message,
  type Mode,
  fromFile as mappingsOf,
  toFile as mappingsToFile,
  nameOf,
  Pickup,
  read,
  scaled,
  turned,
  unbind,
  Watcher,
} from '../src/controls/midi';
import { isExpert, matches, NAMES } from '../src/controls/names';
import { flatten, Outbox, same } from '../src/controls/outbox';
import { fromFile, lookValues, toFile } from '../src/controls/presets';
import { compose, decompose, protect } from '../src/controls/prompts';
import { type Schema, sections } from '../src/controls/schema';

describe('prompts', () => {
  it('are composed with weights', () => {
    expect(compose([{ text: ' teal waves ', weight: 1 }])).toBe('teal waves');
    expect(compose([{ text: 'alone', weight: 2 }])).toBe('alone');
    const rows = [
      { text: 'teal waves', weight: 1.3 },
      { text: '', weight: 2 },
      { text: 'gold, black marble', weight: 1 },
    ];
    expect(compose(rows)).toBe('(teal waves:1.3), gold, black marble');
  });

  it('keep brackets inside their row', () => {
    expect(protect('a (b) [c')).toBe('a (b) \\[c');
    expect(protect('a ) b')).toBe('a \\) b');
    expect(protect('end\\')).toBe('end\\\\');
    expect(protect('\\( fine')).toBe('\\( fine');
  });

  it('are read back as the rows they were', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab ()[]:\\1.2'), maxLength: 12 });
    const weight = fc.integer({ min: 0, max: 400 }).map((n) => n / 100);
    const row = fc.record({
      text: text.filter((t) => t.trim() !== '' && !t.includes(',')),
      weight,
    });
    fc.assert(
      fc.property(
        fc.array(
          row.filter((r) => r.weight !== 1),
          { minLength: 2, maxLength: 4 },
        ),
        (rows) => {
          const back = decompose(compose(rows));
          expect(back).toEqual(
            rows.map((r) => ({ text: protect(r.text.trim()), weight: r.weight })),
          );
        },
      ),
    );
  });

  it('that nobody weighed stay one row', () => {
    expect(decompose('crimson, gold, mandala')).toEqual([
      { text: 'crimson, gold, mandala', weight: 1 },
    ]);
    expect(decompose('')).toEqual([{ text: '', weight: 1 }]);
    expect(decompose('sea, (slow:1.3)')).toEqual([
      { text: 'sea', weight: 1 },
      { text: 'slow', weight: 1.3 },
    ]);
  });
});

describe('schema', () => {
  const schema = JSON.parse(
    readFileSync(new URL('./schema.json', import.meta.url), 'utf-8'),
  ) as Schema;
  const all = sections(schema);
  const control = (path: string) => all.flatMap((s) => s.controls).find((c) => c.path === path);

  it('shows sections that can change live, and only those', () => {
    expect(all.map((section) => section.name)).toEqual(['stream', 'prompt', 'camera', 'inference']);
    expect(control('diffusion.model')).toBeUndefined();
    expect(control('inference.batch_size')).toBeUndefined();
  });

  it('finds the control that fits', () => {
    expect(control('camera.zoom')).toMatchObject({ kind: 'slider', min: -4, max: 4, step: 0.02 });
    expect(control('stream.denoising_steps')).toMatchObject({ kind: 'slider', step: 1 });
    expect(control('stream.stepper')).toMatchObject({ kind: 'choice', choices: ['lcm', 'tcd'] });
    expect(control('stream.add_noise')).toMatchObject({ kind: 'switch' });
    expect(control('stream.t_index_list')).toMatchObject({ kind: 'numbers', optional: true });
    expect(control('prompt.base_prompt')).toMatchObject({ kind: 'text', label: 'Prompt' });
    expect(control('prompt.chroma_prompts')).toMatchObject({ kind: 'texts' });
    expect(control('prompt.timeline')).toMatchObject({ kind: 'timeline' });
    expect(control('inference.seed')).toMatchObject({ kind: 'number' });
    expect(control('inference.width')).toMatchObject({ kind: 'slider', step: 8 });
    expect(control('stream.similarity_threshold')).toMatchObject({ kind: 'slider', max: 1 });
  });
});

describe('outbox', () => {
  it('sends the last value of a flood once', () => {
    const box = new Outbox();
    for (let i = 0; i < 100; i++) box.put('camera.zoom', i);
    box.put('camera.warp', 1);
    expect(box.flush()).toEqual([
      { id: 1, values: { 'camera.zoom': 99, 'camera.warp': 1 }, when: 'now' },
    ]);
    expect(box.flush()).toEqual([]);
  });

  it('holds a setting until the newest wish for it is answered', () => {
    const box = new Outbox();
    box.put('camera.zoom', 1);
    box.flush();
    box.put('camera.zoom', 2);
    box.flush();
    expect(box.settle(1)).toEqual({ 'camera.zoom': 1 });
    expect(box.holds('camera.zoom')).toBe(true);
    box.settle(2);
    expect(box.holds('camera.zoom')).toBe(false);
  });

  it('asks again for what had no answer, newest value last', () => {
    const box = new Outbox();
    box.put('a', 1);
    box.put('b', 1);
    box.flush();
    box.put('a', 2);
    box.retry();
    expect(box.flush()[0]?.values).toEqual({ a: 2, b: 1 });
  });

  it('sends a message for each moment that is waited for, and knows what waits', () => {
    const box = new Outbox();
    box.put('a', 1, 'bar');
    box.put('b', 1, 'bar');
    box.put('c', 1);
    expect(box.flush().map(({ values, when }) => [when, values])).toEqual([
      ['bar', { a: 1, b: 1 }],
      ['now', { c: 1 }],
    ]);
    expect(box.kept()).toEqual({ a: 'bar', b: 'bar' });
    box.settle(1);
    expect(box.kept()).toEqual({});
  });

  it('reads nested and flat settings alike', () => {
    expect(
      flatten({ camera: { zoom: 1 }, 'react.reactivity': 2, prompt: { list: ['a'] } }),
    ).toEqual({
      'camera.zoom': 1,
      'react.reactivity': 2,
      'prompt.list': ['a'],
    });
    expect(same(['a'], ['a'])).toBe(true);
    expect(same(1, 2)).toBe(false);
  });
});

describe('presets', () => {
  it('survive the way through a file', () => {
    const presets = [{ name: 'Dusk', values: { 'camera.zoom': 1 } }];
    expect(fromFile(toFile(presets))).toEqual(presets);
  });

  it('refuse what is no file of presets, in a sentence', () => {
    for (const text of ['', '{}', '[]', '{"phosphene":"presets"}', 'null']) {
      expect(() => fromFile(text)).toThrow('holds no presets');
    }
    expect(fromFile('{"phosphene":"presets","presets":[1,{"name":"a"}]}')).toEqual([]);
  });

  it('keep the look and leave the machine alone', () => {
    const values = {
      'camera.zoom': 1,
      'live.fps': 60,
      'inference.width': 512,
      'diffusion.model': 'x',
    };
    expect(lookValues(values, new Set(Object.keys(values)))).toEqual({ 'camera.zoom': 1 });
    expect(lookValues(values, new Set())).toEqual({});
  });
});

describe('midi', () => {
  const knob = (value: number): Message => ({
    control: 'cc:0:1',
    value,
    pad: false,
    released: false,
  });
  const to = (target: string, mode: Mode = 'absolute') => ({ target, mode });

  it('reads knobs and pads and leaves the rest alone', () => {
    expect(read([0xb0, 21, 127])).toEqual({
      control: 'cc:0:21',
      value: 127,
      pad: false,
      released: false,
    });
    expect(read([0x99, 36, 0])).toMatchObject({
      control: 'note:9:36',
      pad: true,
      released: true,
    });
    expect(read([0x80, 36, 64])).toMatchObject({ released: true });
    expect(read([0xe0, 64, 127])).toMatchObject({ control: 'bend:0:0', value: 127.5 });
    expect(read([0xf8])).toBeNull();
    expect(nameOf('Pad/One/cc:0:21')).toBe('CC 21');
    expect(nameOf('*/note:9:36')).toBe('Note 36 · 10');
    expect(nameOf('keyboard/key:g')).toBe('Key G');
  });

  it('binds one knob to one control', () => {
    let bindings = bind({}, 'A/cc:0:1', to('a'));
    bindings = bind(bindings, 'A/cc:0:1', to('b'));
    bindings = bind(bindings, 'A/cc:0:2', to('b'));
    expect(bindings).toEqual({ 'A/cc:0:2': to('b') });
    expect(unbind(bindings, 'b')).toEqual({});
  });

  it('tells devices apart, and takes what was learned before they had names', () => {
    const bindings: Bindings = {
      ...fromOlder({ 'cc:0:1': 'old', 'cc:0:2': 7 }),
      'B/cc:0:1': to('new'),
    };
    expect(bound(bindings, 'A', 'cc:0:1')?.[1].target).toBe('old');
    expect(bound(bindings, 'B', 'cc:0:1')?.[1].target).toBe('new');
    expect(bound(bindings, 'B', 'cc:0:2')).toBeNull();
    expect(mappingsOf(mappingsToFile(bindings))).toEqual(bindings);
    for (const text of ['', '{}', 'null', '[]']) expect(mappingsOf(text)).toBeNull();
  });

  it.each<[Mode, number[]]>([
    ['twos', [1, 1]],
    ['twos', [1, 127, 1, 127]],
    ['twos', [1, 2, 2, 126]],
    ['twos', [127, 127, 127]],
    ['signed', [1, 1, 65]],
    ['signed', [1, 1, 65, 66, 65]],
    ['offset', [65, 65]],
    ['offset', [65, 65, 63, 63, 62]],
    ['absolute', [60, 61, 62, 63, 64, 65, 66]],
    ['absolute', [1, 2, 3, 4, 5]],
    ['absolute', [127, 0, 127, 0, 127, 0]],
    ['absolute', [120, 122, 124, 126, 127]],
    ['absolute', [3, 9, 30, 90, 127, 127]],
  ])('tells a %s knob by its values %j', (mode, values) => {
    const watcher = new Watcher();
    expect(values.reduce<Mode>((now, value) => watcher.see(value, now), 'absolute')).toBe(mode);
  });

  it('never takes a knob that is swept for an endless one', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.boolean(), (stride, down) => {
        const sweep = Array.from({ length: Math.floor(128 / stride) }, (_, i) => i * stride);
        const watcher = new Watcher();
        let mode: Mode = 'absolute';
        for (const value of down ? sweep.reverse() : sweep) mode = watcher.see(value, mode);
        expect(mode).toBe('absolute');
      }),
    );
  });

  it('counts steps in all three ways', () => {
    expect([1, 3, 127, 125].map((v) => turned('twos', v))).toEqual([1, 3, -1, -3]);
    expect([1, 3, 65, 67].map((v) => turned('signed', v))).toEqual([1, 3, -1, -3]);
    expect([65, 67, 63, 61].map((v) => turned('offset', v))).toEqual([1, 3, -1, -3]);
  });

  it('fires once per press, whatever it is that was pressed', () => {
    const presses = (values: [value: number, at: number][], mode: Mode = 'absolute') => {
      const edge = new Edge();
      return values.filter(([value, at]) => edge.press(knob(value), mode, at)).length;
    };
    // a knob that is turned over all of its way, and back, and again
    const sweep = Array.from({ length: 128 }, (_, i): [number, number] => [i, i * 5]);
    const back = sweep
      .toReversed()
      .slice(1)
      .map(([v], i): [number, number] => [v, 1000 + i * 5]);
    expect(presses(sweep)).toBe(1);
    expect(presses([...sweep, ...back])).toBe(1);
    expect(
      presses([...sweep, ...back, ...sweep.map(([v, t]): [number, number] => [v, t + 2000])]),
    ).toBe(2);
    // trembling about the middle
    expect(presses([60, 66, 62, 65, 63, 66].map((v, i): [number, number] => [v, i * 9]))).toBe(1);
    // a button that says it is let go, and one that never does
    expect(presses([127, 0, 127, 0].map((v, i): [number, number] => [v, i * 90]))).toBe(2);
    expect(presses([127, 127, 127].map((v, i): [number, number] => [v, i * 300]))).toBe(3);
    // seven detents of an endless knob are one turn
    const detents = Array.from({ length: 7 }, (_, i): [number, number] => [1, i * 40]);
    expect(presses(detents, 'twos')).toBe(1);
    expect(presses([...detents, [1, 2000]], 'twos')).toBe(2);
  });

  it('waits with a knob until it reaches the value', () => {
    const pickup = new Pickup();
    expect(pickup.has(0.1, 0.5)).toBe(false);
    expect(pickup.has(0.3, 0.5)).toBe(false);
    expect(pickup.has(0.6, 0.5)).toBe(true);
    pickup.leave(0.6);
    expect(pickup.has(0.9, 0.6)).toBe(true);
    pickup.leave(0.9);
    // somebody else has moved it since
    expect(pickup.has(0.85, 0.2)).toBe(false);
    expect(pickup.has(0.22, 0.2)).toBe(true);
  });

  it('stays within the range and on the steps of its control', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (amount) => {
        const value = scaled(amount, -4, 4, 0.02);
        expect(value).toBeGreaterThanOrEqual(-4);
        expect(value).toBeLessThanOrEqual(4);
        expect(Math.abs(value / 0.02 - Math.round(value / 0.02))).toBeLessThan(1e-6);
      }),
    );
    expect(scaled(1, 1, 8, 1)).toBe(8);
    expect(scaled(0, 64, 2048, 8)).toBe(64);
  });
});

describe('MIDI clock', () => {
  it('counts beats within a hundredth, however the ticks are delayed', () => {
    const clock = new MidiClock();
    clock.hear([0xfa], 999);
    let count = null;
    for (let tick = 0; tick <= 96; tick++) {
      const t = 1000 + (tick * 60_000) / 128 / 24 + (tick % 5);
      expect(clock.hear([0xf8], t)).toBe('tick');
      count = clock.count(t);
    }
    expect(count?.tempo).toBeCloseTo(128, 0);
    // the fifth beat is counted 4, and was where the line says
    expect(count?.beats).toBeCloseTo(4, 5);
    expect(Math.abs((count?.t ?? 0) - (1000 + (4 * 60_000) / 128))).toBeLessThan(6);
    expect(clock.count(9_000_000)?.tempo).toBe(0);
  });

  it('stops, goes on, and jumps', () => {
    const clock = new MidiClock();
    for (let tick = 0; tick < 24; tick++) clock.hear([0xf8], tick * 20);
    expect(clock.hear([0xfc], 480)).toBe('stop');
    const stood = clock.count(480)?.beats;
    clock.hear([0xf8], 480);
    expect(clock.count(480)?.beats).toBe(stood);
    clock.hear([0xf2, 16, 0], 490);
    expect(clock.hear([0xfb], 490)).toBe('continue');
    clock.hear([0xf8], 500);
    expect(clock.count(500)?.beats).toBe(4);
  });
});

describe('names', () => {
  it('finds settings by the words that people use', () => {
    const found = (words: string) =>
      Object.entries(NAMES)
        .filter(([path, { label }]) => matches(path, label, '', words.split(' ')))
        .map(([path]) => path);
    expect(found('strobe')).toContain('video.limit_flashes');
    expect(found('bpm')).toContain('audio.tempo_min');
    expect(found('beat_punch')).toContain('camera.beat_punch');
    expect(found('rotate')).toContain('camera.rotate');
    expect(found('anchor')).toEqual(['stream.anchor']);
    expect(found('zebra')).toEqual([]);
  });

  it('gives no name twice', () => {
    const labels = Object.values(NAMES).map(({ label }) => label);
    expect(new Set(labels).size).toBe(labels.length);
    expect(isExpert('stream.tcd_gamma')).toBe(true);
    expect(isExpert('camera.zoom')).toBe(false);
  });
});
