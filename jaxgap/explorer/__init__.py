"""The explorer: a system in a browser or a notebook, every number of which can be moved, with what follows from it.

A page asks, this room answers with what the public functions of jaxgap say (`jaxgap.explorer.pieces`). `jaxgap explore` serves
the page on this machine (`jaxgap.explorer.server`), `jaxgap.explore(sc)` shows it in a notebook (`jaxgap.explorer.widget`).
"""
