"""How many workers fit, by what the machines say they have. No cluster is needed for it."""

from __future__ import annotations

import pytest

from phosphene.cluster.connect import Asked, Plan, connected, fitting
from phosphene.config import DiffusionConfig
from phosphene.errors import ConfigError, InputError

LAPTOP = {"CPU": 8.0}
GPUS = {"CPU": 32.0, "GPU": 4.0}
LSD = DiffusionConfig()
SD = DiffusionConfig(model="sd15")


def test_the_built_in_model_takes_one_core_a_worker() -> None:
    assert fitting(Asked(), LSD, [LAPTOP, LAPTOP]) == Plan(16, 1.0, 0.0, 1, 0.0)
    assert fitting(Asked(cpus=4), LSD, [LAPTOP, LAPTOP]) == Plan(4, 4.0, 0.0, 2, 0.0)


def test_one_worker_a_gpu_and_the_other_cores_hear() -> None:
    assert fitting(Asked(), SD, [GPUS, LAPTOP]) == Plan(4, 1.0, 1.0, None, 1.0)
    assert fitting(Asked(gpus=0.5), SD, [GPUS, LAPTOP]).count == 8
    # a machine whose cores are all taken must hear all the same
    assert fitting(Asked(), SD, [{"CPU": 1.0, "GPU": 1.0}]) == Plan(1, 1.0, 1.0, None, 0.0)
    # the built-in model asks for one only where it is told to
    assert fitting(Asked(), LSD, [GPUS]).gpus == 0
    told = LSD.model_copy(update={"device": "cuda"})
    assert fitting(Asked(), told, [GPUS, LAPTOP]) == Plan(4, 1.0, 1.0, None, 1.0)
    with pytest.raises(ConfigError, match="no machine"):
        fitting(Asked(), told, [LAPTOP])


def test_without_a_gpu_a_large_model_takes_a_machine() -> None:
    assert fitting(Asked(), SD, [LAPTOP, LAPTOP]) == Plan(2, 8.0, 0.0, 4, 0.0)
    on_cpu = SD.model_copy(update={"device": "cpu"})
    assert fitting(Asked(), on_cpu, [GPUS]).gpus == 0


def test_workers_that_wait_for_machines() -> None:
    assert fitting(Asked(workers=50), LSD, [LAPTOP]).count == 50
    with pytest.raises(ConfigError, match="ask for less"):
        fitting(Asked(cpus=16), LSD, [LAPTOP])


@pytest.mark.parametrize("address", ["ray://127.0.0.1:9", "127.0.0.1:9"])
def test_where_nobody_answers_is_said_at_once(address: str) -> None:
    with pytest.raises(InputError, match="no Ray cluster answers at"), connected(address):
        pass


def test_what_is_no_address_is_said() -> None:
    with pytest.raises(InputError, match="no address"), connected("studio"):
        pass
