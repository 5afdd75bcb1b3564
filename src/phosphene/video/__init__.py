"""Video files: written in segments that survive a kill, joined with the sound, read back."""
