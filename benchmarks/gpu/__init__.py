"""The pieces of `benchmarks/gpu.py`."""
