"""Files to begin with, with comments: what `jaxgap new system` and `jaxgap new sweep` write. Both are used as they stand, and
what is commented out is one change away (`tests/commands/test_templates.py` tries each)."""

__all__ = ["SWEEP", "SYSTEM"]

SYSTEM = """\
# A system: jaxgap solve FILE --T 4.2, jaxgap tc FILE, jaxgap gaps FILE --branch s++ --T 0:20:21.
# Energies in meV, masses in electron masses. The reference of system.toml (jaxgap docs) has every key.

Omega = 30.0              # half width of the pairing shell |zeta| <= Omega
# Rows and columns: a, b. Positive attracts; lam[a, b] makes the amplitude of a from pairs of b.
lam = [[0.35, 0.05], [0.05, 0.30]]

# With pairs across both bands there is one channel more, and this matrix instead of the one above: a, b, a:b.
# cross = ["a:b"]
# lam = [[0.35, 0.05, 0.02], [0.05, 0.30, 0.02], [0.02, 0.02, 0.10]]
# convention = "mean"     # N of a:b: "mean", (N_a + N_b)/2, or "sum", N_a + N_b

# dimension = 3           # 2, if it is not given
# density = 400.0         # electrons at every temperature; the mus are then offsets

[bands.a]
mu = 200.0                # from the bottom; above Omega only distances of cross-paired bands count
# mass = 1.0              # a hole band has a negative mass and a negative mu

[bands.b]
mu = 210.0
# dos = "b.csv"           # instead of mass: a density of states, energy and states in two columns, without cross pairs
"""

SWEEP = """\
# Many systems: jaxgap sweep FOLDER/sweep.toml. It may be ended at any moment and given again.
# Energies in meV, temperatures in K. The reference of sweep.toml (jaxgap docs) has every key and every observable.
title = ""
observables = ["gap", "label", "T_c"]    # and derivatives, such as "d gap/d lambda_33"
mode = "ground_state"                    # or "branch", "all"
# branch = "s+-"                         # of the mode "branch"; without it, the one connected to T_c
T = 4.2                                  # or an axis T
store = "sweep.zarr"

[system]
material = "two_band"                    # or file = "system.toml", beside this file
# set = { Omega = 32.0 }                 # what is changed, and stays

# An axis is a path, T, or d, the distance of two bands; the points are all combinations.
[axes.lambda_33]
from = 0.1
to = 0.4
points = 31

[axes.d]
values = [0.0, 10.0]

# [axes.x]                               # any other name says what it sets: leaf = factor x + offset
# values = [0.02, 0.05]
# sets = { lambda_13 = 1.0, lambda_23 = [1.0, 0.0] }

[pictures.gap]
variable = "gap"

# [run]
# chunk = 1024                           # points of a block: what an interruption costs
"""
