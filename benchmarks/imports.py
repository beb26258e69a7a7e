"""CPU seconds until one can begin: what importing and asking for help take, JAX's own share beside them.

    python benchmarks/imports.py [--rounds 5] [--output benchmarks/results/imports.json]

Rows are CPU seconds (user and system) of processes of their own that take turns, median over the rounds, after one that writes
the bytecode: Python alone, `import jax`, `import jaxgap`, that and the first name (`jaxgap.solve`, which imports JAX), rooms
besides (of fitting also its first name), `jaxgap --help`, `jaxgap --version`, and the help of a command.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
from pathlib import Path

COMMANDS = {
    "Python alone": ["-c", ""],
    "import jax": ["-c", "import jax"],
    "import jaxgap": ["-c", "import jaxgap"],
    "jaxgap.solve": ["-c", "import jaxgap; jaxgap.solve"],
    "jaxgap.observables": ["-c", "import jaxgap; jaxgap.observables"],
    "jaxgap.plotting": ["-c", "import jaxgap; jaxgap.plotting"],
    "jaxgap.fitting": ["-c", "import jaxgap; jaxgap.fitting"],
    "jaxgap.fitting.fit": ["-c", "import jaxgap; jaxgap.fitting.fit"],
    "jaxgap.sweeps": ["-c", "import jaxgap; jaxgap.sweeps"],
    "jaxgap --help": ["-m", "jaxgap", "--help"],
    "jaxgap --version": ["-m", "jaxgap", "--version"],
    "jaxgap solve --help": ["-m", "jaxgap", "solve", "--help"],
}
BOUNDS = {"import jaxgap": 0.8, "jaxgap --help": 0.7, "jaxgap solve --help": 0.7}
"""[CPU s] What was asked for."""


def cpu_seconds(arguments: list[str]) -> float:
    """Of one process, which has to end well."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path)
    asked = parser.parse_args()
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for name in COMMANDS:
        cpu_seconds(COMMANDS[name])
    for _ in range(asked.rounds):
        for name, arguments in COMMANDS.items():
            times[name].append(cpu_seconds(arguments))
    rows = {name: {"median": statistics.median(t), "least": min(t), "bound": BOUNDS.get(name)} for name, t in times.items()}
    for name, row in rows.items():
        bound = "" if row["bound"] is None else f"  (asked for: below {row['bound']})"
        print(f"{name:20} {row['median']:6.2f} CPU s, least {row['least']:.2f}{bound}")
    about = {"python": platform.python_version(), "processor": platform.machine(), "cores": os.cpu_count()}
    record = {"what": "CPU seconds of processes that import", "rounds": asked.rounds, **about, "rows": rows}
    if asked.output:
        asked.output.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
