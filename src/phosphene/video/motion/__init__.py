"""Motion in pictures: optical flow, and what keeps drawn pictures steady along it."""
