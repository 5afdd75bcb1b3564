"""A mapping is a plain function of one moment's features. Speeds are per second.

phosphene live --mapping examples/own_mapping.py
python examples/own_mapping.py SONG OUT.mp4
"""

import math
import sys

import numpy as np

from phosphene.show import FrameFeatures, Reaction, RenderOptions, render
from phosphene.stream.camera import CameraMove


def sway(heard: FrameFeatures) -> Reaction:
    """Lean left and right with the beat, dive on every attack."""
    return Reaction(
        energy=heard.energy,
        noise_scale=1.0 + 0.3 * heard.onset,
        controls=np.array([0.5, 0.5, 0.5, heard.onset, heard.beat_phase], np.float32),
        camera=CameraMove(
            zoom=2.0 ** (0.7 * heard.onset),
            rotate=0.24 * math.cos(math.pi * heard.beat_position),
        ),
        pace=1.0,
    )


if __name__ == "__main__":
    options = RenderOptions(duration=10)
    print(render(sys.argv[1], sys.argv[2], options=options, mapping=sway).describe())
