"""phosphene inside other programs."""
