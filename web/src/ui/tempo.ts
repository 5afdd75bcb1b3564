/** The one truth about the beat: what the server says is in force, also over a song and while it is paused. */

import { useEffect, useState } from 'preact/hooks';
import { heard } from '../state/store';

const LOOK_EVERY_MS = 250;

export interface Tempo {
  /** beats a minute; 0 without a beat */
  tempo: number;
  /** 0..1 */
  confidence: number;
}

export function useTempo(): Tempo {
  const [now, setNow] = useState<Tempo>({ tempo: 0, confidence: 0 });
  useEffect(() => {
    const timer = setInterval(() => {
      const { tempo = 0, confidence = 0 } = heard.now ?? {};
      setNow((old) =>
        old.tempo === tempo && old.confidence === confidence ? old : { tempo, confidence },
      );
    }, LOOK_EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}
