"""EleutherAI's lm-eval on our models; needs the extra `eval`."""
