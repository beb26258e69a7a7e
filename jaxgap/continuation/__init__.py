"""States followed along a path: branches, where they end, bifurcate, cross and jump."""
