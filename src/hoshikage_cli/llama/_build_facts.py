"""Written by build.py."""

LLAMA_COMMIT = "unknown"
VENDORED = False
