"""The built-in model's networks in torch, each part by itself."""
