"""Many prompts from a file: records in, answered side by side, results out, and no work lost."""
