"""Jacobians by elimination: the order of multiplying local derivatives, and what it costs."""
