/**
 * One name for each setting, wherever it is shown; other words under which people look for it; and what is not
 * for a stage. Settings that are not here are called as in the config file.
 */

interface Name {
  label: string;
  /** other words for it */
  also?: string;
}

export const NAMES: Record<string, Name> = {
  'react.reactivity': { label: 'Reactivity', also: 'sensitivity strength audio intensity' },
  'react.off_beat': {
    label: 'Off the beat',
    also: 'syncopation accents attacks flash between eighths',
  },
  'react.bass_gain': { label: 'Bass', also: 'low kick gain eq' },
  'react.mid_gain': { label: 'Mids', also: 'middle voice gain eq' },
  'react.treble_gain': { label: 'Treble', also: 'high hats gain eq' },
  'stream.pace': { label: 'Pace', also: 'speed motion fast slow' },
  'stream.anchor': { label: 'Hold to the shape', also: 'anchor memory recall form' },
  'stream.strength': { label: 'Change what is seen', also: 'strength denoise img2img camera' },
  'stream.detail': { label: 'Keep its fine lines', also: 'detail edges camera' },
  'stream.temporal_blend_ratio': {
    label: 'Hold on to the last picture',
    also: 'feedback trails smooth flicker',
  },
  'stream.adaptive_blending': { label: 'Loud passages let go of it', also: 'adaptive feedback' },
  'stream.noise_scale': { label: 'Music stirs the noise', also: 'noise scale' },
  'stream.guidance_scale': { label: 'Pull of the prompt', also: 'guidance cfg scale' },
  'camera.zoom': { label: 'Zoom', also: 'scale dolly in out tunnel' },
  'camera.rotate': { label: 'Turn', also: 'rotate rotation spin' },
  'camera.pan_x': { label: 'Drift sideways', also: 'pan x left right' },
  'camera.pan_y': { label: 'Drift up and down', also: 'pan y tilt' },
  'camera.warp': { label: 'Ripple', also: 'warp wobble distort wave' },
  'camera.beat_punch': { label: 'Punch on the beat', also: 'beat punch kick bump pulse' },
  'prompt.base_prompt': { label: 'Prompt', also: 'text words' },
  'prompt.negative_prompt': { label: 'Stay away from', also: 'negative prompt' },
  'prompt.chroma_prompts': { label: 'Prompts of the twelve notes', also: 'chroma pitch harmony' },
  'prompt.chroma_strength': {
    label: 'Harmony colours the prompt',
    also: 'chroma strength pitch notes',
  },
  'prompt.transition_seconds': {
    label: 'A change takes',
    also: 'time from prompt to prompt transition crossfade fade morph',
  },
  'prompt.transition': { label: 'Looks change by', also: 'transition crossfade glide fade morph' },
  'prompt.transition_unit': { label: 'Counted in', also: 'transition beats seconds' },
  'stream.cadence': {
    label: 'Pictures shown for one drawn',
    also: 'cadence keys frame rate interpolation auto',
  },
  'live.lower': {
    label: 'Short of time, save on',
    also: 'fewer keys smaller size adapt controller',
  },
  'prompt.timeline': { label: 'Prompts at times of the song', also: 'timeline cues' },
  'inference.seed': { label: 'Seed', also: 'random variation dice roll' },
  'inference.width': { label: 'Width', also: 'size resolution pixels aspect' },
  'inference.height': { label: 'Height', also: 'size resolution pixels aspect' },
  'latent.scene_per_section': { label: 'New place with every section', also: 'scene cut change' },
  'latent.distance': { label: 'Way per beat', also: 'distance walk step' },
  'latent.drift': { label: 'Way without a beat', also: 'drift walk' },
  'video.limit_flashes': {
    label: 'Strobe-safe',
    also: 'flashes flicker epilepsy seizure photosensitive limit safe',
  },
  'live.light': { label: 'Master light', also: 'brightness dim master level intensity' },
  'live.blackout': { label: 'Blackout', also: 'black dark off panic' },
  'live.freeze': { label: 'Freeze', also: 'hold still pause picture' },
  'live.fade_seconds': { label: 'Blackout fades in', also: 'fade time seconds' },
  'live.adapt': {
    label: 'Draw smaller when pictures come late',
    also: 'adapt quality performance',
  },
  'live.latency_offset_ms': { label: 'Picture after the sound', also: 'latency delay sync offset' },
  'live.fps': { label: 'Pictures a second', also: 'fps frame rate' },
  'live.jpeg_quality': { label: 'Quality of what is sent', also: 'jpeg compression' },
  'audio.tempo_multiplier': { label: 'Half or double tempo', also: 'bpm beat octave' },
  'audio.tempo_min': { label: 'Slowest tempo', also: 'bpm beat' },
  'audio.tempo_max': { label: 'Fastest tempo', also: 'bpm beat' },
  'audio.beat_offset_ms': { label: 'Beats later', also: 'offset nudge latency' },
  'audio.attack_ms': { label: 'Attack', also: 'rise envelope follower' },
  'audio.release_ms': { label: 'Release', also: 'fall decay envelope follower' },
  'audio.average_seconds': { label: 'Loudness is relative to the last', also: 'average gain agc' },
  'audio.section_sensitivity': {
    label: 'New sections are heard',
    also: 'section sensitivity drop break',
  },
};

/** what nobody turns on a stage */
const EXPERT = [
  ...['enable_temporal_coherence', 'draw_interval', 'denoising_steps'],
  ...['stream_batch', 't_index_list', 'delta'],
  ...['frame_buffer_size', 'stepper', 'tcd_gamma', 'guidance_mode', 'guidance_scale', 'add_noise'],
  ...['enable_similarity_filter', 'similarity_threshold', 'similarity_max_skip'],
  ...['chunk_frames', 'prompt_change', 'morph_chunks', 'prompt_on_bar', 'cut_on_drop'],
  'motion_words',
].map((name) => `stream.${name}`);
const EXPERT_OTHERS = [
  ...['latent.walk', 'latent.note', 'latent.fresh', 'latent.spiral_rate'],
  ...['prompt.interpolation', 'prompt.blend', 'prompt.smooth_seconds'],
  ...['inference.batch_size', 'inference.num_inference_steps', 'live.share_window_ms'],
  ...['live.age_limit_ms', 'live.jpeg_quality', 'live.fps', 'prompt.negative_prompt'],
];
const experts = new Set([...EXPERT, ...EXPERT_OTHERS]);

export function labelOf(path: string, otherwise: string): string {
  return NAMES[path]?.label ?? otherwise;
}

export function isExpert(path: string): boolean {
  return experts.has(path);
}

/** Whether each of `words` (in small letters) is said of a setting. */
export function matches(
  path: string,
  label: string,
  help: string,
  words: readonly string[],
): boolean {
  const text = `${path.replaceAll(/[._]/g, ' ')} ${path} ${label} ${help} ${NAMES[path]?.also ?? ''}`;
  const lower = text.toLowerCase();
  return words.every((word) => lower.includes(word));
}
