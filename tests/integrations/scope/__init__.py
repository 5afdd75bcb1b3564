"""The plugin of Daydream Scope."""
