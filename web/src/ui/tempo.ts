/** The one truth about the beat: what the server says is in force, also over a song and while it is paused. */

import { useEffect, useState } from 'preact/hooks';
import { heard } from '../state/store';

const LOOK_EVERY_MS = 250;

export interface Tempo {
  /** beats a minute; 0 without a beat */
  tempo: number;
  /** 0..1 */
  confidence: number;
  /** what counts, where that is neither the song nor an ear */
  leader: string;
}

const LEADERS: Record<string, string> = { hand: 'tapped', link: 'Link', midi: 'MIDI clock' };

export function useTempo(): Tempo {
  const [now, setNow] = useState<Tempo>({ tempo: 0, confidence: 0, leader: '' });
  useEffect(() => {
    const timer = setInterval(() => {
      const { tempo = 0, confidence = 0, beat_from = '' } = heard.now ?? {};
      const leader = LEADERS[beat_from] ?? '';
      setNow((old) =>
        old.tempo === tempo && old.confidence === confidence && old.leader === leader
          ? old
          : { tempo, confidence, leader },
      );
    }, LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}
