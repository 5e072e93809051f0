"""A model at work: prompt, tokens, steps, text, result."""
