"""Does the picture answer the music? Renders a song and compares every frame's change with the onsets.

python benchmarks/reaction.py [SONG] [--plot reaction.png]

Without a song it uses the piece of `phosphene demo`. Prints the correlation of onset strength with the
frame-to-frame change, and how much larger the change is on a beat than between beats.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import av
import numpy as np

from phosphene.audio import AudioAnalyzer
from phosphene.audio.compose import compose, write_wav
from phosphene.config import PipelineConfig
from phosphene.show import RenderOptions, render


def changes(path: Path) -> np.ndarray:
    """Mean absolute difference of each frame to the one before, 0..255; the first is 0."""
    last, out = None, []
    with av.open(str(path)) as file:
        for picture in file.decode(video=0):
            frame = picture.to_ndarray(format="rgb24").astype(np.float32)
            out.append(0.0 if last is None else float(np.abs(frame - last).mean()))
            last = frame
    return np.array(out)


def main() -> None:
    """Render, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("song", nargs="?")
    parser.add_argument("--duration", type=float, default=30.0, help="seconds (default 30)")
    parser.add_argument("--plot", help="write a picture of both curves")
    args = parser.parse_args()
    config = PipelineConfig.balanced_preset()
    with tempfile.TemporaryDirectory() as folder:
        song = Path(args.song) if args.song else Path(folder) / "piece.wav"
        if not args.song:
            write_wav(song, *compose(args.duration))
        out = Path(folder) / "out.mp4"
        print(render(song, out, config, RenderOptions(duration=args.duration)).describe())
        change = changes(out)
        heard = AudioAnalyzer(config.audio).analyze(song, 0.0, args.duration)
    onset = heard.onset_strength[: len(change)]
    lags = {
        lag: float(np.corrcoef(onset[: len(onset) - lag or None], change[lag:])[0, 1])
        for lag in range(4)
    }
    beat = np.zeros(len(change), bool)
    beat[heard.beat_frames[heard.beat_frames < len(change)]] = True
    near = beat | np.roll(beat, 1)
    print("correlation of onset strength and frame change, by lag in frames:")
    print("  " + ", ".join(f"{lag}: {value:+.3f}" for lag, value in lags.items()))
    print(f"change on beats / between beats: {change[near].mean() / change[~near].mean():.2f}")
    if args.plot:
        draw(args.plot, onset, change, beat, config.audio.fps)


def draw(path: str, onset: np.ndarray, change: np.ndarray, beat: np.ndarray, fps: float) -> None:
    """Both curves over time, beats as lines."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    time = np.arange(len(change)) / fps
    figure, (top, bottom) = plt.subplots(2, 1, figsize=(14, 5), sharex=True)
    top.plot(time, onset, lw=0.9)
    top.set_ylabel("onset strength")
    bottom.plot(time, change, lw=0.9, color="tab:orange")
    bottom.set_ylabel("frame change (0-255)")
    bottom.set_xlabel("seconds")
    for axis in (top, bottom):
        axis.vlines(time[beat], *axis.get_ylim(), color="0.8", lw=0.6, zorder=0)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
