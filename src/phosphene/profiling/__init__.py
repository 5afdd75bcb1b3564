"""Timings and memory."""

from phosphene.profiling.profiler import Profiler, StageTimes, format_table, get_profiler, memory_mb

__all__ = ["Profiler", "StageTimes", "format_table", "get_profiler", "memory_mb"]
