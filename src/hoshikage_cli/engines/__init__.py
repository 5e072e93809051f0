"""One file a family of decoding: how a model of that family is run."""
