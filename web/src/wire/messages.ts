/** JSON messages of protocol 1. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Values = Record<string, Json>;
export type ServerHear = 'nothing' | 'song' | 'sound' | 'soundcard';
/** what of the music a change may wait for */
export type On = 'beat' | 'bar' | 'section';
export type BeatAction = 'tap' | 'double' | 'half' | 'nudge' | 'release';

export interface Look {
  name: string;
  values: Values;
}

export interface Hello {
  type: 'hello';
  protocol: number;
  version: string;
  session: string;
  role: 'perform' | 'watch';
  config: { [key: string]: Json };
  sources: { soundcard: boolean; pictures?: string };
  looks: Look[];
  limits: { upload_mb: number; song_seconds: number; picture_bytes: number; message_bytes: number };
  model: { name: string; max_size: number; size_multiple: number };
}

export interface Heard {
  type: 'heard';
  energy: number;
  bass: number;
  mid: number;
  treble: number;
  onset: number;
  beat_position: number;
  beat_phase: number;
  tempo: number;
  confidence: number;
  section: number;
  chroma: number[];
  /** when its beats are counted, on this page's clock, ms */
  beat_t?: number;
  /** how hard a beat moves the picture, 0..1 */
  punch?: number;
  /** who counts the beats */
  beat_from?: 'hand' | 'link' | 'midi' | 'song' | 'live' | 'own';
  /** the tempo that is heard while another program leads; 0 for none */
  own_tempo?: number;
  /** ms by which the beats heard come before the leader's */
  own_off_ms?: number;
  /** what each route adds to its setting now */
  routes?: number[];
  /** when that was, on this page's clock, ms */
  t?: number;
}

export interface Level {
  steps: number;
  width: number;
  height: number;
}

export interface Stats {
  type: 'stats';
  fps: number;
  age_ms: number;
  level: Level;
  lowered: boolean;
  reason: string;
  frames: number;
  dropped: number;
  load: { cpu_percent: number; memory_mb: number; gpu?: { name: string; memory_mb: number } };
  sessions: number;
}

export interface SongNews {
  type: 'song';
  id: string;
  state: 'receiving' | 'analysing' | 'ready' | 'failed';
  progress: number;
  text: string;
  duration?: number;
  tempo?: number;
  sha256?: string;
  beats?: number[];
  /** seconds at which bars begin */
  bars?: number[];
  sections?: number[];
  loudness?: number[];
}

export interface ConfigNews {
  type: 'config';
  values: Values;
  id?: number | string | null;
  /** the look that a cue or the autopilot took */
  look?: string;
  /** of the song, seconds: where its first picture will be seen */
  position?: number;
  /** another hand than this page's */
  by?: 'controller';
}

export interface ErrorNews {
  type: 'error';
  code: string;
  message: string;
  id?: number | string | null;
  path?: string | null;
}

export type FromServer =
  | Hello
  | Heard
  | Stats
  | SongNews
  | ConfigNews
  | ErrorNews
  | { type: 'ready'; credits: number }
  | { type: 'clock'; t: number; server: number }
  | { type: 'source'; hear: ServerHear; see: boolean }
  | { type: 'record'; on: boolean }
  | { type: 'bye'; code: string; message: string };

export type ToServer =
  | { type: 'clock'; t: number; position?: number; playing?: boolean; rate?: number; lead?: number }
  | { type: 'set'; values: Values; id: number; on?: On }
  | {
      type: 'source';
      hear: ServerHear;
      see: boolean;
      see_from?: 'client' | 'server';
      song?: string;
      id?: number;
    }
  | { type: 'beat'; action: BeatAction; t: number; ms?: number }
  | { type: 'scene'; on?: On }
  | { type: 'record'; on: boolean }
  | { type: 'tempo'; tempo: number; beats: number; t: number; running: boolean }
  | { type: 'controllers'; values: Record<string, number> }
  | { type: 'ack'; sequence: number; age?: number | null };

/** A JSON message, or nothing where the text is none of ours. */
export function parse(text: string): FromServer | null {
  try {
    const message: unknown = JSON.parse(text);
    const known = typeof message === 'object' && message !== null && 'type' in message;
    return known ? (message as FromServer) : null;
  } catch {
    return null;
  }
}
