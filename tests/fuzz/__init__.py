"""Whole-program fuzzing: random programs, an exact oracle, a runner (see `run.py`)."""
