"""What Scope loads at its start: one hook, which registers the pipelines. Must stay light."""

from __future__ import annotations

import logging
from collections.abc import Callable

from scope.core.plugins.hookspecs import hookimpl

_LOGGER = logging.getLogger("phosphene")


@hookimpl  # type: ignore[untyped-decorator]
def register_pipelines(register: Callable[[type], None]) -> None:
    """Register every pipeline. Never raises: an error here would cost the user all other plugins."""
    try:
        from phosphene.integrations.scope.node import node_class
        from phosphene.integrations.scope.offers import OFFERS

        for offer in OFFERS:
            register(node_class(offer))
    except Exception as error:
        _LOGGER.error(
            "phosphene does not fit this Scope (%s: %s): update both.", type(error).__name__, error
        )
