"""One size leaves, whatever the controller draws at; who enlarges pictures itself gets them as drawn."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

from phosphene.show.display import Motion, Way
from phosphene.show.live import Field, Wanted
from phosphene.show.sinks.jpeg import fitted
from phosphene.show.sinks.viewers import Channel, Picture


class Viewer:
    """Takes everything."""

    hungry = True
    raw = moving = False

    def __init__(self, keys: bool, fields: bool = False) -> None:
        self.keys, self.fields = keys, fields
        self.sizes: list[tuple[int, int]] = []

    def offer(self, picture: Picture) -> None:
        data = picture.jpeg if self.keys else picture.whole
        data = picture.planes if self.fields else data
        self.sizes.append(Image.open(io.BytesIO(data)).size)

    def ended(self) -> None: ...


class Session:
    """Only ever finishes pictures."""

    def subscribe(self, listener: Callable[[Any], None]) -> Callable[[], None]:
        self.finish = listener
        return lambda: None

    def hold(self, held: bool) -> None: ...

    def want(self, wanted: Wanted) -> None:
        self.wanted = wanted


def test_ten_steps_up_and_down_leave_one_size() -> None:
    async def play() -> tuple[Viewer, Viewer]:
        session = Session()
        channel = Channel(session, 80)  # type: ignore[arg-type]
        old, new = Viewer(keys=False), Viewer(keys=True)
        channel.join(old)
        channel.join(new)
        sides = [(256, 144), (192, 108), (160, 96), (128, 72), (256, 144)] * 2
        for sequence, (width, height) in enumerate(sides):
            image = np.zeros((height, width, 3), np.uint8)
            shown = SimpleNamespace(
                image=image,
                size=(256, 144),
                sequence=sequence,
                way=Way(),
                field=None,
                strobes=False,
            )
            session.finish(shown)
            while len(new.sizes) <= sequence:
                await asyncio.sleep(0.005)
        await asyncio.to_thread(channel.close)
        assert new.sizes == sides
        return old, new

    old, _ = asyncio.run(play())
    assert old.sizes == [(256, 144)] * 10


def test_another_shape_fills_the_frame_and_is_not_stretched() -> None:
    disc = np.zeros((90, 150, 3), np.uint8)
    y, x = np.mgrid[:90, :150]
    disc[(x - 75) ** 2 + (y - 45) ** 2 < 30**2] = 255
    out = fitted(disc, (320, 180))
    assert out.shape == (180, 320, 3)
    rows, columns = np.nonzero(out[..., 0] > 128)
    assert abs(np.ptp(rows) - np.ptp(columns)) <= 2


def test_images_are_asked_for_only_while_somebody_takes_them() -> None:
    async def play() -> None:
        session = Session()
        channel = Channel(session, 80)  # type: ignore[arg-type]
        new, old = Viewer(keys=True, fields=True), Viewer(keys=True)
        channel.join(new)
        assert session.wanted == Wanted(images=False, fields=True)
        channel.join(old)
        assert session.wanted == Wanted(images=True, fields=True)
        field = Field(np.zeros((2, 36, 64), np.uint8), np.zeros((256, 3), np.uint8), 1.0)
        image = np.zeros((144, 256, 3), np.uint8)
        # with both, with the field alone, and what cannot be a field
        for sequence, (shape, colours) in enumerate([(image, field), (None, field)]):
            shown = SimpleNamespace(
                image=shape, size=(256, 144), sequence=sequence, way=Way(), field=colours
            )
            session.finish(shown)
            while len(new.sizes) <= sequence:
                await asyncio.sleep(0.005)
        assert new.sizes == [(64, 72)] * 2 and old.sizes == [(256, 144)]
        channel.leave(old)
        assert session.wanted == Wanted(images=False, fields=True)
        await asyncio.to_thread(channel.close)

    asyncio.run(play())


def test_between_two_keys_the_picture_moves_on_at_one_size_for_those_who_cannot_move_it() -> None:
    """As over /stream.mjpg, while a slow model's controller steps up and down."""

    async def play() -> None:
        session = Session()
        channel = Channel(session, 80)  # type: ignore[arg-type]
        mjpeg, page = Viewer(keys=False), Viewer(keys=True)
        mjpeg.moving = True
        channel.join(mjpeg)
        channel.join(page)
        image = np.random.default_rng(1).integers(0, 256, (144, 256, 3), np.uint8)
        moment = SimpleNamespace(beat_position=0.0)
        for sequence in range(6):
            size = (256, 144) if sequence % 2 else (128, 72)
            shown = SimpleNamespace(
                image=np.ascontiguousarray(image[: size[1], : size[0]]),
                size=(256, 144),
                sequence=sequence,
                way=Way(Motion(1.02 + 0.02j), 0.25),
                field=None,
                strobes=False,
                tempo=0.0,
                confidence=0.0,
                punch=0.0,
                moment=moment,
            )
            session.finish(shown)
            await asyncio.sleep(0.25)
        await asyncio.to_thread(channel.close)
        assert set(mjpeg.sizes) == {(256, 144)}
        assert len(page.sizes) == 6 and len(mjpeg.sizes) > 12

    asyncio.run(play())
