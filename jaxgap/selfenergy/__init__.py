"""Self-energies: what a retarded interaction makes of electrons, on the imaginary axis."""
