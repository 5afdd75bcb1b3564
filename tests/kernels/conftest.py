"""The kernels as this process has them: compiled, or by Triton's interpreter."""

from __future__ import annotations

import pytest
import torch

from phosphene.kernels.choose import Operations, fused


@pytest.fixture(scope="session")
def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.fixture(scope="session")
def kernels() -> Operations:
    return fused()
