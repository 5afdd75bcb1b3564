"""What latent feedback and held noise do to a stream: flicker and sharpness, with any model.

python benchmarks/feedback.py                      the built-in model
python benchmarks/feedback.py --config my.toml     a checkpoint of yours

Flicker is the mean change from frame to frame in grey levels, sharpness the variance of the Laplacian;
neither says anything without the other, for blur lowers both.
"""

from __future__ import annotations

import argparse
import tempfile
from itertools import pairwise
from pathlib import Path

import av
import numpy as np

from phosphene.config import PipelineConfig
from phosphene.metrics import change, sharpness
from phosphene.show.dream import dream

SETTINGS: dict[str, dict[str, dict[str, object]]] = {
    "new noise, no feedback": {
        "latent": {"fresh": 1.0},
        "stream": {"enable_temporal_coherence": False},
    },
    "new noise, feedback 0.3": {"latent": {"fresh": 1.0}, "stream": {"temporal_blend_ratio": 0.3}},
    "new noise, feedback 0.6": {"latent": {"fresh": 1.0}, "stream": {"temporal_blend_ratio": 0.6}},
    "held noise, no feedback": {
        "latent": {"fresh": 0.0},
        "stream": {"enable_temporal_coherence": False},
    },
    "held noise, feedback 0.3": {"latent": {"fresh": 0.0}, "stream": {"temporal_blend_ratio": 0.3}},
}


def main() -> None:
    """Parse, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--config", type=Path, metavar="F.toml")
    parser.add_argument("--seconds", type=float, default=5.0)
    args = parser.parse_args()
    print("| setting | flicker | sharpness |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, given in SETTINGS.items():
            config = PipelineConfig.balanced_preset()
            if args.config:
                config = PipelineConfig.from_toml(args.config, base=config)
            # the camera moves the picture and the limiter hides flicker: only the stream is looked at
            still = {"zoom": 0, "rotate": 0, "warp": 0, "beat_punch": 0}
            video = {"crf": 0, "limit_flashes": False}
            config = PipelineConfig.from_dict(given | {"camera": still, "video": video}, config)
            out = Path(folder) / f"{len(list(Path(folder).iterdir()))}.mp4"
            dream(out, args.seconds, config)
            frames = read(out)
            flicker = np.mean([change(b, a) for a, b in pairwise(frames)])
            print(
                f"| {name} | {flicker:.2f} | {np.mean([*map(sharpness, frames)]):.0f} |", flush=True
            )


def read(video: Path) -> list[np.ndarray]:
    with av.open(str(video)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


if __name__ == "__main__":
    main()
