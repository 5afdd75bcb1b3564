"""First thread: what comes in is decoded and encoded, pictures and prompts, off the frame path."""

from __future__ import annotations

import time

from phosphene.diffusion.base import Frames
from phosphene.prompt.book import PromptBook
from phosphene.show.live.desk import Desk, Input, Picture
from phosphene.show.live.pictures import as_frame


class Intake:
    """Encodes prompts when asked for, and an input picture whenever the model has taken the last."""

    def __init__(self, desk: Desk, book: PromptBook) -> None:
        self._desk = desk
        self._book = book

    def run(self) -> None:
        """Work until the session is closed."""
        desk = self._desk
        while True:
            with desk.wake:
                desk.wake.wait_for(self._wanted)
            if desk.closed:
                return
            if self._book.behind:
                self._prompt()
                continue
            picture = desk.pictures.take()
            if picture is not None:
                self._picture(picture)

    def _wanted(self) -> bool:
        desk = self._desk
        # a picture is not encoded before there is room for it: by then a newer one may be here
        picture = len(desk.pictures) and not desk.inputs.full and not desk.held
        return desk.closed or self._book.behind or bool(picture)

    def _prompt(self) -> None:
        try:
            self._book.work()
        except Exception as error:
            self._desk.complain("prompt", error, "this prompt cannot be drawn")
        else:
            self._desk.fine("prompt")

    def _picture(self, picture: Picture) -> None:
        desk = self._desk
        began = time.monotonic()
        try:
            frames = as_frame(picture.data, desk.size)[None]
            latent = desk.view.encode_image(self._dressed(frames))
            control = desk.view.control_image(frames)
        except Exception as error:
            desk.complain("picture", error, "an input picture could not be encoded")
            desk.drop(1)
            return
        desk.fine("picture")
        desk.meters.intake.add((time.monotonic() - began) * 1e3)
        desk.drop(desk.inputs.put(Input(latent, control, frames[0], picture.captured)))
        if not desk.see:
            # it came while the source was changed
            desk.drop(desk.inputs.clear())

    def _dressed(self, frames: Frames) -> Frames:
        """As the model wants them for the prompt that is drawn; as they are before there is one."""
        goal = self._desk.goal
        if goal is None:
            return frames
        return self._desk.view.dress(frames, goal, self._desk.config.stream.strength)
