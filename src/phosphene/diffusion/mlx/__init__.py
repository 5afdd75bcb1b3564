"""The models on MLX: the same Hugging Face folders, contract and engine, without torch."""
