"""Conversations, and the templates that a model reads them in."""
