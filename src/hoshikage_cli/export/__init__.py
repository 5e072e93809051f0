"""Traces as something to show: a page, a picture that moves, a recording of a terminal."""
