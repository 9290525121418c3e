"""Jacobians of array programs: local Jacobians are labelled einsum terms."""
