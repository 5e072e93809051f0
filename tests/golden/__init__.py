"""Runs that must not change: the same model, prompt, settings and seed give the same tokens.

`cases` lists the runs, `recording` makes one and writes it down, and `traces/` holds what came out.
After a change that is meant to alter them: `make golden`, and read the difference before it is
committed.
"""
