"""First thread: what comes in is decoded and encoded, pictures and prompts, off the frame path."""

from __future__ import annotations

import time

from phosphene.diffusion.base import Frames
from phosphene.prompt.book import PromptBook
from phosphene.show.live.pictures import as_frame
from phosphene.show.live.shared_state import Input, Picture, SharedState


class Intake:
    """Encodes prompts when asked for, and an input picture whenever the model has taken the last."""

    def __init__(self, shared: SharedState, book: PromptBook) -> None:
        self._shared = shared
        self._book = book

    def run(self) -> None:
        """Work until the session is closed."""
        shared = self._shared
        while True:
            with shared.wake:
                shared.wake.wait_for(self._wanted)
            if shared.closed:
                return
            if self._book.behind:
                self._prompt()
                continue
            picture = shared.pictures.take()
            if picture is not None:
                self._picture(picture)

    def _wanted(self) -> bool:
        shared = self._shared
        # a picture is not encoded before there is room for it: by then a newer one may be here
        picture = len(shared.pictures) and not shared.inputs.full and not shared.held
        return shared.closed or self._book.behind or bool(picture)

    def _prompt(self) -> None:
        try:
            self._book.work()
        except Exception as error:
            self._shared.complain("prompt", error, "this prompt cannot be drawn")
        else:
            self._shared.fine("prompt")

    def _picture(self, picture: Picture) -> None:
        shared = self._shared
        began = time.monotonic()
        try:
            frames = as_frame(picture.data, shared.size)[None]
            latent = shared.view.encode_image(self._dressed(frames))
            told = shared.view.told_of(frames)
        except Exception as error:
            shared.complain("picture", error, "an input picture could not be encoded")
            shared.drop(1)
            return
        shared.fine("picture")
        shared.meters.intake.add((time.monotonic() - began) * 1e3)
        shared.drop(shared.inputs.put(Input(latent, told, frames[0], picture.captured)))
        if not shared.see:
            # it came while the source was changed
            shared.drop(shared.inputs.clear())

    def _dressed(self, frames: Frames) -> Frames:
        """As the model wants them for the prompt that is drawn; as they are before there is one."""
        goal = self._shared.goal
        if goal is None:
            return frames
        return self._shared.view.dress(frames, goal, self._shared.config.stream.strength)
