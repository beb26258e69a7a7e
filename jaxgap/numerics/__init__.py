"""Numerical tools without physics: Newton, the implicit derivative, kept programs, how work is cut, what is checked."""
