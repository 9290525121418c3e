"""Jacobians by elimination: in which order local derivatives are multiplied, and what that costs."""
