"""Catalogues on many machines: items cut into segments, drawn by Ray actors, joined by the driver."""
