"""The decoding algorithms: arrays in, arrays out; no terminal, no files, no foreign code."""
