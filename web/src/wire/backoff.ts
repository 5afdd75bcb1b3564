const FIRST_MS = 250;
const LONGEST_MS = 8000;

/** Wait before try `attempt` (0, 1, ...): doubling, capped, spread by `random` (0..1) to 75..125 %. */
export function backoff(attempt: number, random: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt) * (0.75 + 0.5 * random);
}
