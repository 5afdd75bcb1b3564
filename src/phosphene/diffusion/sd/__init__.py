"""Stable Diffusion and what was distilled from it, on PyTorch; nothing here imports torch until it loads."""
