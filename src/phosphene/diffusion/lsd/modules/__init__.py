"""The built-in model's networks as torch modules: what `phosphene train` trains, and what runs on GPUs."""
