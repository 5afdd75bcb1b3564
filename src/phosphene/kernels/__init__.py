"""Four GPU kernels in Triton, each beside the plain torch it must equal; see docs/gpu.md.

:mod:`phosphene.kernels.reference` says in torch what they compute, :mod:`phosphene.kernels.choose` gives
either. The kernels are off until asked for, and import triton only then.
"""
