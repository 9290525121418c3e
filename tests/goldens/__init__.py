"""What the compiler writes and says, byte by byte; `python -m tests.goldens.update` rewrites it."""
