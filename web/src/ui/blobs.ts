/** A picture for a look that was never shown: two lights in the colours its prompt names. */

const HUES: Record<string, number> = {
  crimson: 20,
  red: 27,
  scarlet: 30,
  lava: 38,
  fire: 45,
  copper: 52,
  orange: 58,
  amber: 75,
  sunset: 50,
  gold: 85,
  golden: 85,
  molten: 60,
  yellow: 102,
  lime: 125,
  leaves: 135,
  forest: 148,
  green: 145,
  emerald: 160,
  aurora: 165,
  turquoise: 185,
  teal: 195,
  cyan: 205,
  ice: 215,
  ocean: 225,
  water: 225,
  azure: 240,
  sky: 235,
  blue: 258,
  electric: 262,
  indigo: 278,
  night: 275,
  violet: 300,
  purple: 308,
  nebula: 295,
  galaxy: 290,
  magenta: 335,
  neon: 340,
  pink: 350,
  flower: 345,
  rose: 5,
};

export function blobs(text: string): string {
  const named = (text.toLowerCase().match(/[a-z]+/g) ?? []).flatMap((word) => HUES[word] ?? []);
  const seed = [...text].reduce((sum, ch) => (sum * 31 + ch.charCodeAt(0)) % 3600, 7);
  const first = named[0] ?? seed % 360;
  const second = named[1] ?? (first + 70 + (seed % 90)) % 360;
  const x = 25 + (seed % 30);
  const y = 30 + (seed % 23);
  return [
    `radial-gradient(circle at ${x}% ${y}%, oklch(0.8 0.15 ${first}) 0%, transparent 48%)`,
    `radial-gradient(circle at ${100 - x}% ${95 - y}%, oklch(0.58 0.17 ${second}) 0%, transparent 55%)`,
    `oklch(0.2 0.05 ${first})`,
  ].join(', ');
}
