"""What a system is: bands, couplings, the superconductor they make, and the files it is read from."""
