"""The fit of Ba0.6K0.4Fe2As2 against the numbers of an independent code."""

import json
import sys
from pathlib import Path

EXPECTED = {  # value, tolerance: one unit of the last digit that the independent code prints
    "lambda_13": (0.03126, 1e-5),
    "Omega": (40.96, 1e-2),
    "end of the s+- branch": (35.35, 1e-2),
    "T_c of the normal state": (79.04, 1e-2),
}
result = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
found = {row["name"]: row["value"] for row in [*result["parameters"], *result["samples"][0]["predictions"]]}
wrong = [name for name, (value, tolerance) in EXPECTED.items() if not abs(found[name] - value) <= tolerance]
for name, (value, _) in EXPECTED.items():
    print(f"{name:28s} found {found[name]:.6f} expected {value}{'  WRONG' if name in wrong else ''}")
sys.exit(1 if wrong else 0)
