"""All states of a point, ranked."""
