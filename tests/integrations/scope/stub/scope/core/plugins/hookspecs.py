"""Marks of the host's hooks."""

import pluggy

hookspec = pluggy.HookspecMarker("scope")
hookimpl = pluggy.HookimplMarker("scope")


class Hooks:
    @hookspec
    def register_pipelines(self, register):
        """Plugins hand their pipeline classes to ``register``."""
