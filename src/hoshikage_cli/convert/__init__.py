"""Models made of others: converted, quantised."""
