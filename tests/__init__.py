"""Tests run with the verifier after each pass."""

import os

os.environ.setdefault("S2SGRAD_DEBUG", "verify")
