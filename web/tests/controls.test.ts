import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bind, nameOf, read, scaled, unbind } from '../src/controls/midi';
import { flatten, Outbox, same } from '../src/controls/outbox';
import { fromFile, lookValues, save, toFile } from '../src/controls/presets';
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
    expect(control('prompt.base_prompt')).toMatchObject({ kind: 'text', label: 'Base prompt' });
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
    expect(box.flush()).toEqual({ id: 1, values: { 'camera.zoom': 99, 'camera.warp': 1 } });
    expect(box.flush()).toBeNull();
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
    expect(box.flush()?.values).toEqual({ a: 2, b: 1 });
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
    const presets = save([], { name: 'Dusk', values: { 'camera.zoom': 1 } });
    expect(fromFile(toFile(presets))).toEqual(presets);
    expect(save(presets, { name: 'Dusk', values: {} })).toHaveLength(1);
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
  it('reads knobs and pads and leaves the rest alone', () => {
    expect(read([0xb0, 21, 127])).toEqual({ source: 'cc:0:21', amount: 1, released: false });
    expect(read([0x99, 36, 0])).toMatchObject({ source: 'note:9:36', released: true });
    expect(read([0x80, 36, 64])).toMatchObject({ released: true });
    expect(read([0xf8])).toBeNull();
    expect(nameOf('cc:0:21')).toBe('CC 21');
    expect(nameOf('note:9:36')).toBe('Note 36 · 10');
  });

  it('binds one knob to one control', () => {
    let bindings = bind({}, 'cc:0:1', 'a');
    bindings = bind(bindings, 'cc:0:1', 'b');
    bindings = bind(bindings, 'cc:0:2', 'b');
    expect(bindings).toEqual({ 'cc:0:2': 'b' });
    expect(unbind(bindings, 'b')).toEqual({});
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
