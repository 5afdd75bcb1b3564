"""Hears one song in a process of its own, so that nobody's picture stutters meanwhile."""
