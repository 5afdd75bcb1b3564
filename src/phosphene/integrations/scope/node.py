"""The class that Scope makes, prepares and calls."""

from __future__ import annotations

import weakref
from functools import lru_cache
from typing import Any

from phosphene.integrations.scope.offers import Offer
from phosphene.integrations.scope.schema import config_class


@lru_cache(maxsize=8)
def node_class(offer: Offer) -> type:
    """The pipeline class of ``offer``, on the base class of the Scope that runs."""
    from scope.core.pipelines.interface import Pipeline, Requirements

    described = config_class(offer)

    class PhosphenePipeline(Pipeline):  # type: ignore[misc]
        """A live stream of pictures."""

        def __init__(self, **given: Any) -> None:
            """Load the model. Raises PhospheneError, which Scope shows, if that cannot be done."""
            from phosphene.integrations.scope.session import ScopeSession

            super().__init__(offer.id)
            self._session = ScopeSession(offer, given)
            # Scope mostly just drops a pipeline
            self._end = weakref.finalize(self, self._session.close)

        @classmethod
        def get_config_class(cls) -> type:
            """Parameters, ports and texts."""
            return described

        def prepare(self, **given: Any) -> Any:
            """One input picture for the next call; none while a finished picture waits to be taken."""
            wants = self._session.prepare(sees=bool(given.get("video")))
            return Requirements(input_size=1) if wants else None

        def __call__(self, **given: Any) -> dict[str, Any]:
            """Scope's call: pictures and parameters in, a finished picture out if there is one."""
            return self._session.call(given)

        def shutdown(self) -> None:
            """End now and free the model."""
            self._end()

    return PhosphenePipeline
