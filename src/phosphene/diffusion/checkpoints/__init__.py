"""Checkpoints on disk and on the hub: found, known by their own files, their errors put in words."""
