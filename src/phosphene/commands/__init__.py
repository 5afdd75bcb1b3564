"""One file per command: `add` says what it takes, and it runs what lives elsewhere."""
