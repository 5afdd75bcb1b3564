"""Where moments come from when a show is drawn in its own time; ``show.live.audio_input`` has live ones."""
