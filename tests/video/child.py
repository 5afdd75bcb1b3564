"""A render in a process of its own, for the tests that kill it or fill its disk."""

import sys
from pathlib import Path

from phosphene.errors import PhospheneError
from tests.video.media import render

if __name__ == "__main__":
    out, frames, side, slow = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    if len(sys.argv) > 5:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[5]), int(sys.argv[5])))
    try:
        render(out, frames, side=side, slow=float(slow))
    except PhospheneError as error:
        print(f"{type(error).__name__}: {error}")
        sys.exit(2)
