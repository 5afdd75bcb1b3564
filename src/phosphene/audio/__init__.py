"""Hearing: from a sound file to the numbers that move the picture."""

from phosphene.audio.analyzer import AudioAnalyzer
from phosphene.audio.types import AudioFeatures

__all__ = ["AudioAnalyzer", "AudioFeatures"]
