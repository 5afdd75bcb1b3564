"""Where moments come from when a show is drawn in its own time; see ``show.live.ears`` for live ones."""
