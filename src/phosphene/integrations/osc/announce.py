"""OSCQuery on the local network: said by multicast DNS, so that controllers find it by themselves."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from contextlib import suppress
from importlib.util import find_spec
from typing import Any

log = logging.getLogger(__name__)
QUERY, PLAIN = "_oscjson._tcp.local.", "_osc._udp.local."
"""kinds of service: the list over HTTP, and the port that takes messages"""
LEAVE_SECONDS = 2.0
"""in which it says goodbye"""


def is_open(host: str) -> bool:
    """Whether other machines can reach what listens on ``host``."""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host not in ("", "localhost")


class Announcement:
    """Says on the network that OSC is taken on ``port`` of ``host`` and listed there; an event loop's own.

    Where that cannot be it is said once, and the port is as open as before.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._zeroconf: Any = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; asking whether the name is free takes a second."""
        self._task = asyncio.create_task(self._announce())

    async def close(self) -> None:
        """Take it back."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        if self._zeroconf is not None:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(LEAVE_SECONDS):
                    await self._zeroconf.async_unregister_all_services()
            await self._zeroconf.async_close()

    async def _announce(self) -> None:
        if find_spec("zeroconf") is None:
            log.warning("OSC: not announced on the network: pip install 'phosphene[stage]'.")
            return
        from zeroconf import Error, IPVersion, ServiceInfo
        from zeroconf.asyncio import AsyncZeroconf

        machine = socket.gethostname().partition(".")[0] or "here"
        try:
            found = _addresses(self._host)
            if not found:
                raise OSError("this machine has no network")
            self._zeroconf = AsyncZeroconf(interfaces=found, ip_version=IPVersion.V4Only)
            for kind in (QUERY, PLAIN):
                told = ServiceInfo(
                    kind,
                    f"phosphene on {machine}.{kind}",
                    port=self._port,
                    properties={"txtvers": "1"},
                    # a name of its own: the machine's belongs to the system
                    server=f"phosphene-{machine}.local.",
                    parsed_addresses=found,
                )
                # with two on one machine the second gets a number
                await self._zeroconf.async_register_service(told, allow_name_change=True)
        except (OSError, Error) as error:
            log.warning("OSC: not announced on the network (%s): type the address.", error)
            return
        log.info("OSC: announced on the network as 'phosphene on %s'", machine)


def _addresses(host: str) -> list[str]:
    """The numbers (IPv4) by which others reach ``host``."""
    import ifaddr

    with suppress(ValueError):
        number = ipaddress.ip_address(host)
        if number.version == 4 and not number.is_unspecified:
            return [host]
    numbers = [ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4]
    return [str(number) for number in numbers if not ipaddress.ip_address(number).is_loopback]
