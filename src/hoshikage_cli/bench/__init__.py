"""Measuring: what settings cost, and what they get right."""
