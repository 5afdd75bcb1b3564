"""Transformers that draw pictures of tokens, on PyTorch: one file a family, one row in the table."""
