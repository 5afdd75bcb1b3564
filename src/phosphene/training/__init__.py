"""How the built-in model is made: procedural clips, networks, training, export."""
