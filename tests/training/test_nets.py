"""The three named parts of LSD and the whole of it: shapes, beginnings, what each must do."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402
from torch.distributions import Normal, kl_divergence  # noqa: E402

from phosphene.diffusion.lsd.feeds import PLAN_SIZE  # noqa: E402
from phosphene.diffusion.lsd.modules.condition import (  # noqa: E402
    COORDINATES,
    ConditionConfig,
    coordinates,
    places,
)
from phosphene.diffusion.lsd.modules.consistency import TemporalConsistency, move  # noqa: E402
from phosphene.diffusion.lsd.modules.diffusion import DiffusionBlock, DiffusionConfig  # noqa: E402
from phosphene.diffusion.lsd.modules.lsd import DEVIATION, INPUTS, LSD, Inputs, LSDConfig  # noqa: E402
from phosphene.diffusion.lsd.modules.memory import PATCH, ContextMemory  # noqa: E402
from phosphene.diffusion.lsd.modules.plan import (  # noqa: E402
    BASIS,
    HARMONICS,
    RINGS,
    Plan,
    PlanReader,
    basis,
    unlikeliness,
)
from phosphene.diffusion.lsd.modules.sharpener import Sharpener, SharpenerConfig  # noqa: E402
from phosphene.training.export import example_inputs  # noqa: E402
from phosphene.training.nets.critic import FieldCritic, StreamCritic  # noqa: E402

SMALL = DiffusionConfig(widths=(8, 16, 24), blocks=(1, 1, 2), groups=4)
TINY = LSDConfig(diffusion=SMALL, condition=ConditionConfig(width=32, text=12), consistency=8)


def shaken(module: torch.nn.Module, amount: float = 0.1) -> torch.nn.Module:
    """The module as if it had learned something: no weight is 0 any more."""
    torch.manual_seed(0)
    for p in module.parameters():
        p.data.add_(amount * torch.randn_like(p))
    return module.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def awake() -> LSD:
    net = shaken(LSD(TINY))
    assert isinstance(net, LSD)
    return net


def told(net: LSD, height: int = 16, width: int = 16) -> Inputs:
    x = example_inputs(net, 2, height, width, seed=1)
    one = torch.ones(2)
    return replace(
        x,
        has_history=torch.ones(2, 2),
        has_source=one,
        history_level=0.4 * one,
        timestep=0.6 * one,
        memory_age=torch.tensor([[30.0, 2], [9.0, 1]]),
    )


# diffusion block


def test_block_starts_silent_and_keeps_any_size() -> None:
    block = DiffusionBlock(SMALL, 5, 2, 32, 12)
    memory, age = torch.randn(2, 3, 2, 16, 24), torch.ones(2, 3)
    plan = torch.randn(2, PLAN_SIZE), torch.ones(2)
    out = block(torch.randn(2, 5, 16, 24), torch.randn(2, 32), memory, age, *plan)
    assert out.shape == (2, 2, 16, 24)
    assert not out.any()


def test_block_hears_its_condition() -> None:
    block = shaken(DiffusionBlock(SMALL, 5, 2, 32, 12))
    x, memory, age = torch.randn(1, 5, 16, 16), torch.randn(1, 1, 2, 16, 16), torch.ones(1, 1)
    plan = torch.zeros(1, PLAN_SIZE), torch.zeros(1)
    a, b = (block(x, torch.full((1, 32), v), memory, age, *plan) for v in (0.0, 1.0))
    assert (a - b).abs().mean() > 1e-3


# plan


def test_without_a_plan_nothing_of_one_is_told() -> None:
    block = shaken(DiffusionBlock(SMALL, 5, 2, 32, 12))
    x, vector = torch.randn(2, 5, 16, 16), torch.randn(2, 32)
    rest = x, vector, torch.randn(2, 1, 2, 16, 16), torch.ones(2, 1)
    one, other = torch.randn(2, 2, PLAN_SIZE)
    assert torch.equal(block(*rest, one, torch.zeros(2)), block(*rest, other, torch.zeros(2)))
    planned = block(*rest, one, torch.ones(2))
    for different in (block(*rest, other, torch.ones(2)), block(*rest, one, torch.zeros(2))):
        assert (planned - different).abs().mean() > 1e-3


@pytest.mark.parametrize("folds", [1, 5, HARMONICS])
def test_a_plan_lays_out_petals_all_around(folds: int) -> None:
    # one weight on the cosine of so many times the angle, about the outer middle ring
    like = torch.zeros(1, 1, 65, 65)
    shapes = basis(like).view(BASIS, 65, 65)
    ring = 5
    laid = shapes[(2 * folds - 1) * len(RINGS) + ring]
    angle = torch.arange(360) * math.pi / 180
    at = torch.stack((RINGS[ring] * angle.cos(), RINGS[ring] * angle.sin()), dim=-1)[None, None]
    around = F.grid_sample(laid[None, None], at, align_corners=False)[0, 0, 0]
    spectrum = torch.fft.rfft(around).abs()
    assert int(spectrum.argmax()) == folds
    assert spectrum[folds] > 0.9 * spectrum.norm()


def test_a_wide_picture_is_laid_out_as_a_square_with_more_beside_it() -> None:
    square, wide = torch.zeros(1, 1, 16, 16), torch.zeros(1, 1, 16, 32)
    inside = basis(wide).view(BASIS, 16, 32)[:, :, 8:24]
    assert torch.allclose(inside, basis(square).view(BASIS, 16, 16), atol=1e-6)


def test_plans_cost_what_theory_says() -> None:
    torch.manual_seed(0)
    seen, likely = ((torch.randn(3, PLAN_SIZE), 0.5 * torch.randn(3, PLAN_SIZE)) for _ in range(2))
    theirs = kl_divergence(*(Normal(mean, log.exp()) for mean, log in (seen, likely))).sum(1)
    assert torch.allclose(unlikeliness(seen, likely), theirs, rtol=1e-5)
    assert not unlikeliness(seen, seen).any()


def test_a_prompt_draws_its_own_plans() -> None:
    plan = shaken(Plan(12, 32, (8, 16, 24)))
    assert isinstance(plan, Plan)
    text, normal = torch.randn(1, 1, 12), torch.randn(4000, PLAN_SIZE)
    mean, log = plan.prior(text)
    drawn = plan.code(text, normal)
    assert torch.allclose(drawn.mean(0), mean[0], atol=0.15)
    assert torch.allclose(drawn.std(0), log.exp()[0], rtol=0.1)
    assert (plan.prior(torch.randn(1, 1, 12))[0] - mean).abs().mean() > 1e-3


def test_the_reader_tells_turned_and_other_plans_apart() -> None:
    reader = shaken(PlanReader(2, 12), 0.02)
    angle = torch.atan2(*(plane for plane in reversed(places(torch.zeros(1, 1, 64, 64)))))
    fields = torch.stack([torch.cos(n * (angle - turn)) for n, turn in ((6, 0), (6, 0.26), (7, 0))])
    mean, log = reader(fields[:, None].expand(-1, 2, -1, -1), torch.zeros(3, 1, 12))
    assert mean.shape == log.shape == (3, PLAN_SIZE)
    assert (mean[0] - mean[1]).norm() > 0.01
    assert (mean[0] - mean[2]).norm() > 0.01


# context memory

SIDES = 4 * PATCH, 4 * PATCH


def test_memory_starts_as_the_identity() -> None:
    net, x = ContextMemory(2, 24, 4), torch.randn(2, 24, 4, 4)
    assert torch.equal(net(x, coordinates(x), torch.randn(2, 4, 2, *SIDES), torch.ones(2, 4)), x)


def test_what_is_remembered_changes_the_features() -> None:
    net = shaken(ContextMemory(2, 24, 4))
    x, memory = torch.randn(2, 24, 4, 4), torch.randn(2, 4, 2, *SIDES)
    age, where = torch.tensor([[40.0, 24, 12, 1]] * 2), coordinates(x)
    base = net(x, where, memory, age)
    for slot in range(4):
        other = memory.clone()
        other[:, slot] += 1
        assert (net(x, where, other, age) - base).abs().mean() > 1e-4, slot
    assert (net(x, where, memory, 2 * age) - base).abs().mean() > 1e-5


def test_empty_slots_are_not_seen() -> None:
    net = shaken(ContextMemory(2, 24, 4))
    x, memory = torch.randn(1, 24, 4, 4), torch.randn(1, 4, 2, *SIDES)
    age, where = torch.tensor([[5.0, 0, 0, 2]]), coordinates(x)
    other = memory.clone()
    other[:, 1:3] += 10
    assert torch.allclose(net(x, where, memory, age), net(x, where, other, age), atol=1e-5)
    # with nothing at all remembered it is only itself that it looks at
    none = torch.zeros(1, 4)
    assert torch.allclose(net(x, where, memory, none), net(x, where, -memory, none), atol=1e-5)


# temporal consistency


def test_untrained_gate_mixes_in_a_little_of_the_past() -> None:
    net = TemporalConsistency(8, 32, 8)
    picture, past = torch.randn(2, 8, 6, 6), torch.randn(2, 8, 6, 6)
    _, gate = net.look(picture, past, torch.randn(2, 32))
    assert torch.allclose(gate, torch.full_like(gate, 0.0474), atol=1e-3)


def test_without_a_past_the_picture_is_left_alone() -> None:
    net = shaken(TemporalConsistency(8, 32, 8))
    picture = torch.randn(2, 8, 6, 6)
    out = net(picture, torch.randn(2, 8, 6, 6), torch.tensor([0.0, 1.0]), torch.randn(2, 32))
    assert torch.equal(out[0], picture[0])
    assert not torch.equal(out[1], picture[1])


def test_the_gate_learns_to_close_where_the_input_changes() -> None:
    """Half of the picture is new, half has only been noised: a short training must tell them apart."""
    torch.manual_seed(0)
    net, vector = TemporalConsistency(8, 16, 16), torch.zeros(16, 16)
    optim = torch.optim.Adam(net.parameters(), lr=1e-2)

    def scene() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        past = torch.randn(16, 8, 8, 8)
        truth = past.clone()
        truth[..., 4:] = torch.randn(16, 8, 8, 4)
        return truth, truth + 0.5 * torch.randn_like(truth), past

    for _ in range(80):
        truth, picture, past = scene()
        loss = (net(picture, past, torch.ones(16), vector) - truth).square().mean()
        optim.zero_grad()
        loss.backward()
        optim.step()
    truth, picture, past = scene()
    _, gate = net.look(picture, past, vector)
    assert gate[..., :3].mean() > 0.5
    assert gate[..., 5:].mean() < 0.2
    steadied = net(picture, past, torch.ones(16), vector)
    assert (steadied - truth).square().mean() < 0.8 * (picture - truth).square().mean()


def test_move_follows_the_arrows() -> None:
    latent = torch.arange(6.0).expand(1, 1, 5, 6)
    flow = torch.zeros(1, 2, 5, 6)
    assert torch.allclose(move(latent, flow), latent, atol=1e-5)
    flow[:, 0] = 2
    assert torch.allclose(move(latent, flow)[..., :4], latent[..., 2:], atol=1e-5)


# the whole


def test_untrained_net_is_the_best_linear_guess() -> None:
    torch.manual_seed(0)
    net = LSD(TINY)
    x = replace(told(net), has_history=torch.zeros(2, 2))
    t = x.timestep[:, None, None, None]
    spread = DEVIATION**2
    field = x.latent * spread * (1 - t) / (t * t + spread * (1 - t) ** 2)
    assert torch.allclose(net(*x.tensors()), (x.latent - field) / t, atol=1e-5)


def test_the_velocity_leads_to_the_predicted_field(awake: LSD) -> None:
    x = told(awake)
    t = x.timestep[:, None, None, None]
    led = x.latent - t * awake(*x.tensors())
    assert torch.allclose(led, awake.picture(*x.tensors()), atol=1e-5)


@pytest.mark.parametrize("size", [(16, 16), (16, 24), (40, 16), (64, 112)])
def test_any_multiple_of_eight(awake: LSD, size: tuple[int, int]) -> None:
    assert awake(*told(awake, *size).tensors()).shape == (2, 2, *size)


@pytest.mark.parametrize("name", INPUTS)
def test_every_argument_matters(awake: LSD, name: str) -> None:
    x = told(awake)
    changed = replace(x, **{name: getattr(x, name) * 0.5})
    assert (awake(*x.tensors()) - awake(*changed.tensors())).abs().mean() > 1e-5


def test_what_is_absent_is_ignored(awake: LSD) -> None:
    x = replace(
        told(awake),
        has_history=torch.zeros(2, 2),
        has_source=torch.zeros(2),
        memory_age=torch.zeros(2, 2),
    )
    changed = replace(
        x, **{n: getattr(x, n) + 1 for n in ("history", "source", "memory", "history_level")}
    )
    assert torch.allclose(awake(*x.tensors()), awake(*changed.tensors()), atol=1e-5)


def test_beat_phase_is_a_circle(awake: LSD) -> None:
    x = told(awake)
    start, end = x.audio.clone(), x.audio.clone()
    start[:, 4], end[:, 4] = 0.0, 1.0
    a, b = (awake(*replace(x, audio=audio).tensors()) for audio in (start, end))
    assert torch.allclose(a, b, atol=1e-4)


def test_inputs_are_in_the_order_of_the_graph() -> None:
    assert tuple(f.name for f in fields(Inputs)) == INPUTS


def test_coordinates_are_round_and_a_wide_field_is_a_square_one_with_more_beside_it() -> None:
    wide, square = (coordinates(torch.zeros(2, 8, 8, w)) for w in (16, 8))
    assert wide.shape == (1, COORDINATES, 8, 16)
    assert torch.allclose(wide[..., 4:12], square, atol=1e-5)
    x, y, r, _, c, s = square[0, :6]
    assert x[0, 0] == -x[0, -1] == -0.875
    assert torch.allclose(r, (x * x + y * y + 1e-4).sqrt())
    assert torch.allclose(c * c + s * s, torch.ones(8, 8), atol=0.02)
    turn = torch.atan2(y, x)
    assert torch.allclose(square[0, 8], (3 * turn).cos(), atol=0.02)


# sharpener and critics


def test_the_untrained_sharpener_is_cubic_interpolation_edges_included() -> None:
    field = 1.6 * torch.rand(2, 2, 9, 12) - 0.8
    # torch's kernel is Keys' own where it may blur, which enlarging never does
    wide = F.pad(field, (3, 3, 3, 3), mode="replicate")
    wanted = F.interpolate(wide, scale_factor=4, mode="bicubic", antialias=True)
    wanted = wanted[..., 12:-12, 12:-12].clamp(-1, 1)
    assert torch.allclose(Sharpener(SharpenerConfig(width=8))(field), wanted, atol=1e-5)


def test_details_that_are_the_same_in_every_coarse_pixel_are_a_grid_and_go() -> None:
    torch.manual_seed(0)
    net = Sharpener(SharpenerConfig(width=8))
    # as a network that is a little wrong about each of the 16 places inside a pixel
    torch.nn.init.normal_(net.leave.bias, std=0.1)
    ramp = torch.linspace(-0.8, 0.8, 16)[None, None, None].expand(1, 2, 16, 16)
    fine = net(ramp)[..., 24:-24, 24:-24]
    assert fine.diff(dim=-1).std() < 1e-5 and fine.diff(dim=-2).abs().max() < 1e-5


def test_the_sharpener_learns_to_mend_a_blurred_line() -> None:
    torch.manual_seed(0)
    net = Sharpener(SharpenerConfig(planes=2, width=8, blocks=1))
    optim = torch.optim.Adam(net.parameters(), lr=5e-3)

    def lines() -> tuple[torch.Tensor, torch.Tensor]:
        fine = -torch.ones(8, 2, 48, 48)
        for k in range(8):
            fine[k, :, :, int(torch.randint(8, 40, ()))] = 1.0
        return F.avg_pool2d(fine, 4), fine

    def gap() -> torch.Tensor:
        coarse, fine = lines()
        return (net(coarse) - fine).abs().mean()

    before = gap().item()
    for _ in range(80):
        loss = gap()
        optim.zero_grad()
        loss.backward()
        optim.step()
    assert gap().item() < 0.7 * before


def test_critics_have_an_opinion_per_patch() -> None:
    assert FieldCritic(4, 8)(torch.rand(2, 2, 32, 32), torch.rand(2, 2, 8, 8)).shape == (2, 1024)
    critic = shaken(StreamCritic(8, 12, 5, 8))
    latent, before = torch.randn(2, 2, 8, 8, 8).unbind()
    text, audio = torch.randn(2, 1, 12), torch.rand(2, 5)
    one = torch.ones(2)
    verdict = critic(latent, before, one, text, audio)
    assert verdict.shape == (2, 16 + 4 + 4)
    assert not torch.allclose(verdict, critic(latent, -before, one, text, audio))
    assert not torch.allclose(verdict, critic(latent, before, one, -text, audio))
    alone = critic(latent, before, 0 * one, text, audio)
    assert torch.allclose(alone, critic(latent, -before, 0 * one, text, audio))
