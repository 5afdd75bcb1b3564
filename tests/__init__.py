import phosphene  # noqa: F401  (before NumPy: it says how many threads that takes, and pictures hang on it)
