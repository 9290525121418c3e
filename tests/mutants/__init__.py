"""Faults put into a copy of the compiler, each of which the tests must notice."""
