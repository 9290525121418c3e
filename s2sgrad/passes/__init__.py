"""Functions from IR to IR."""
