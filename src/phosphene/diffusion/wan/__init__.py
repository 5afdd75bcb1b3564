"""Wan 2.1 as an endless stream: a causal transformer behind a key/value cache, chunk by chunk."""
