"""The gap equations, their derivative, the free energy, and the phases they leave free."""
