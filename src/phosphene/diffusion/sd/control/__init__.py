"""ControlNet: a picture of the shapes that a frame is to keep, and the network that holds them."""
