"""Models from the hub: found, fetched, checked."""
