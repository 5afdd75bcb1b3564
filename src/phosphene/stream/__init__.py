"""The engine: array math only, on NumPy, torch or any other array namespace."""
