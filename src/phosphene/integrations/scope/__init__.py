"""Plugin for Daydream Scope; its entry point is :mod:`phosphene.integrations.scope.plugin`.

Nothing of Scope is copied. Its modules are imported inside the functions that Scope calls.
"""
