"""Arrays go there and back as they were, and are the receiver's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from phosphene.transfer import download, upload

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int64])
def test_there_and_back(dtype: type) -> None:
    array = np.random.default_rng(0).integers(0, 200, (3, 5, 7)).astype(dtype)
    there = upload(array.transpose(2, 0, 1), DEVICE)
    expected = array.transpose(2, 0, 1).copy()
    # what is done to the array afterwards is not seen
    array[:] = 0
    fetched = download(there + 1)
    there.zero_()
    assert (fetched.result() == expected + 1).all()
    assert fetched.result().dtype == dtype


def test_a_read_only_array_may_be_sent() -> None:
    array = np.arange(4, dtype=np.float32)
    array.setflags(write=False)
    assert upload(array, DEVICE).tolist() == [0.0, 1.0, 2.0, 3.0]
