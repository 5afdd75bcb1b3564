"""What waits to be sent stays little."""

from __future__ import annotations

import asyncio

from phosphene.server.mailbox import REPLIES, Mailbox
from phosphene.server.protocol import Bye, ClockReply, ErrorReply, Ready
from phosphene.server.window import Window
from phosphene.show.sinks.viewers import Picture


def picture(name: str) -> Picture:
    return Picture(name, b"")  # type: ignore[arg-type]


def test_newest_wins_and_answers_come_first() -> None:
    async def play() -> list[object]:
        mailbox = Mailbox(Window(6))
        mailbox.picture(picture("old"))
        mailbox.picture(picture("new"))
        mailbox.put("clock", ClockReply(t=1, server=1))
        mailbox.put("clock", ClockReply(t=2, server=2))
        mailbox.credit(1)
        mailbox.credit(2)
        await mailbox.reply(ErrorReply(code="a", message=""))
        assert mailbox.replaced == 1
        return [await mailbox.take() for _ in range(4)]

    error, ready, clock, shown = asyncio.run(play())
    assert isinstance(error, ErrorReply)
    assert ready == Ready(credits=3)
    assert clock == ClockReply(t=2, server=2)
    assert isinstance(shown, Picture)
    assert shown.shown == "new"


def test_a_picture_waits_for_the_window_and_stays_the_newest() -> None:
    async def play() -> object:
        window = Window(1)
        window.sent(0, 0.0)
        mailbox = Mailbox(window)
        mailbox.picture(picture("a"))
        taking = asyncio.create_task(mailbox.take())
        await asyncio.sleep(0)
        assert not taking.done()
        mailbox.picture(picture("b"))
        await asyncio.sleep(0)
        assert not taking.done()
        window.ack(0, 1.0)
        mailbox.wake()
        return await taking

    shown = asyncio.run(play())
    assert isinstance(shown, Picture)
    assert shown.shown == "b"


def test_who_does_not_read_is_not_read() -> None:
    async def play() -> None:
        mailbox = Mailbox(Window(6))
        answers = [
            asyncio.create_task(mailbox.reply(ErrorReply(code=str(i), message="")))
            for i in range(REPLIES + 5)
        ]
        await asyncio.sleep(0)
        assert sum(answer.done() for answer in answers) == REPLIES
        codes = [(await mailbox.take()).code for _ in range(REPLIES + 5)]  # type: ignore[union-attr]
        assert codes == [str(i) for i in range(REPLIES + 5)]

    asyncio.run(play())


def test_goodbye_overtakes_everything() -> None:
    async def play() -> None:
        mailbox = Mailbox(Window(6))
        mailbox.picture(picture("a"))
        await mailbox.reply(ErrorReply(code="a", message=""))
        mailbox.bye(Bye(code="first", message=""))
        mailbox.bye(Bye(code="second", message=""))
        assert await mailbox.take() == Bye(code="first", message="")

    asyncio.run(play())
