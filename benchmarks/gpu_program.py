"""What the batched programs would be on an H200, compiled for it by XLA on a machine that has none: counts and a model of their
time, not a measurement.

    pip install "jax[cuda12]"
    JAX_PLATFORMS=cpu python benchmarks/gpu_program.py [--cases start T_c ...] [--systems 65536] [--output results.json]

The compiler is the one that serves a card (`benchmarks/h200.txtpb` describes it), so that the kernels that are launched, the
bytes that they read and write, their registers and what they spill are exact. How often a loop runs whose end depends on the
numbers is not known to it: `steps` says what is taken for loops of Newton and of searches (about the slowest element's, from
runs on a CPU), `blocks` how many blocks of those that are left there are (one; of T_c none, as in the benchmark's systems).
Double-precision instructions are counted with the weights of `INSTRUCTIONS` in XLA's kernels; in those of
`jaxgap.numerics.registers` with the same, in what they are made of, loops as often as they run; in those of
`jaxgap.numerics.node_sums` from their machine code. All with both sides of every branch: more than are executed. What kernels
keep beside their registers (`kernels_that_spill`, bytes per thread) is not among the bytes: it stays in a processor's cache.

The model: every kernel takes the longest of LAUNCH, its bytes at the data sheet's bandwidth, and its instructions at the data
sheet's rate. It is good to a factor of two or three. An older tree (PYTHONPATH) can be counted with the same script.
"""

import argparse
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import cache, cached_property
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.experimental import topologies
from jax.sharding import SingleDeviceSharding

from jaxgap import Rule, Status, critical_temperature
from jaxgap.materials import two_band
from jaxgap.numerics.provenance import provenance
from jaxgap.observables import branch_minima
from jaxgap.solving.many import solve_many

HERE = Path(__file__).parent
WORDS = "Counts of the program compiled for an H200, and a model of its time: not a measurement."
LAUNCH = 3e-6
"""Seconds that a kernel takes that has nothing to do."""
BANDWIDTH = 4.8e12
"""Bytes per second, data sheet."""
RATE = 132 * 64 * 1.98e9
"""Double-precision instructions per second (one FMA is one), data sheet."""
MEMORY = 100 * 2**30
"""What JAX would take of the card's memory [bytes]."""
ELEMENTS = 128
"""Of a block of threads of `jaxgap.numerics.node_sums`."""
LANES = 32
"""Of one of `jaxgap.numerics.registers`."""
START = [8.0, 5.0, 3.0]
FEW = Rule(14, 8)
"""The nodes of the race of `benchmarks/sweep_kernel.py`."""
BYTES = {"f64": 8, "f32": 4, "s64": 8, "s32": 4, "u64": 8, "u32": 4, "pred": 1, "c128": 16, "c64": 8, "u8": 1, "s8": 1}
INSTRUCTIONS = {
    "tanh": 40,
    "exponential": 20,
    "log": 30,
    "sqrt": 15,
    "rsqrt": 15,
    "divide": 15,
    "power": 60,
    "cosine": 40,
    "sine": 40,
}
"""Double-precision instructions of an operation; 1 of any other that computes."""
COMPUTES = {"add", "subtract", "multiply", "maximum", "minimum", "negate", "abs", "compare", "select", "reduce", *INSTRUCTIONS}
NAMES = {
    "div": "divide",
    "exp": "exponential",
    "neg": "negate",
    "pow": "power",
    "cos": "cosine",
    "sin": "sine",
    "mul": "multiply",
    "sub": "subtract",
    "max": "maximum",
    "min": "minimum",
    "select_n": "select",
    **{name: "compare" for name in ("eq", "ne", "lt", "le", "gt", "ge")},
    "integer_pow": "multiply",
    "square": "multiply",
}
"""JAX's names of XLA's operations, where they differ."""
LAUNCHES = {"fusion", "custom-call", "sort", "reduce", "copy", "scatter", "gather", "dot", "transpose", "dynamic-update-slice"}


# === compiling


def compiled(function: Callable[..., Any], *shapes: Any) -> Any:
    """`function` compiled for the card; `shapes` are arrays or their shapes."""
    text = "".join(line for line in (HERE / "h200.txtpb").read_text().splitlines(True) if not line.startswith("#"))
    described = topologies.get_topology_desc(platform="cuda", topology_name="", target_config=text, topology="1x1x1")
    place = SingleDeviceSharding(described.devices[0])
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), shapes)
    return jax.jit(function).trace(*shapes).lower(lowering_platforms=("cuda",)).compile()


def as_on_the_card() -> AbstractContextManager[None]:
    """Programs are cut as on the card, if the tree knows of that."""
    if importlib.util.find_spec("jaxgap.numerics.cutting") is None:
        return nullcontext()
    from jaxgap.numerics.cutting import for_gpu, forced

    return forced(for_gpu(MEMORY))


# === reading the program


class Line(NamedTuple):
    """One instruction of a computation."""

    name: str
    shape: str
    op: str
    operands: list[str]
    text: str


def size(shape: str) -> int:
    """Bytes of a shape, tuples included."""
    return sum(BYTES.get(kind, 4) * _count(dims) for kind, dims in re.findall(r"(\w+)\[([\d,]*)\]", shape))


def _count(dims: str) -> int:
    n = 1
    for d in dims.split(","):
        n *= int(d or 1)
    return n


class Cost(NamedTuple):
    """What running something takes."""

    launches: float = 0.0
    bytes: float = 0.0
    instructions: float = 0.0
    seconds: float = 0.0
    by_launches: float = 0.0
    by_bytes: float = 0.0
    by_instructions: float = 0.0

    def plus(self, other: "Cost", times: float = 1.0) -> "Cost":
        return Cost(*(a + times * b for a, b in zip(self, other, strict=True)))


class Program:
    """A compiled program's text, read."""

    def __init__(self, text: str, steps: float, blocks: int, machine_code: dict[str, float]):
        self.steps, self.blocks, self.machine_code = steps, blocks, machine_code
        self.loops: list[dict[str, Any]] = []
        self.computations: dict[str, list[Line]] = {}
        for block in re.split(r"\n(?=%|ENTRY)", re.sub(r"/\*index=\d+\*/", "", text)):
            head = block.split(" ", 2)
            name = head[1] if head[0] == "ENTRY" else head[0]
            self.computations[name] = [line for line in map(_line, block.splitlines()[1:]) if line is not None]
            if head[0] == "ENTRY":
                self.entry = name

    @cached_property
    def total(self) -> Cost:
        return self.cost(self.entry)

    def cost(self, name: str) -> Cost:
        lines = {line.name: line for line in self.computations[name]}
        total = Cost()
        for line in lines.values():
            if line.op == "while":
                total = total.plus(self._loop(line))
            elif line.op in ("call", "conditional"):
                branches = [self.cost(one) for one in _called(line) if one in self.computations]
                total = total.plus(max(branches, key=lambda c: c.seconds, default=Cost()))
            elif line.op in LAUNCHES:
                total = total.plus(self._kernel(line, lines))
        return total

    def _loop(self, line: Line) -> Cost:
        body = re.search(r"body=(%[\w.\-]+)", line.text)
        condition = re.search(r"condition=(%[\w.\-]+)", line.text)
        assert body
        assert condition
        once = self.cost(body[1]).plus(self.cost(condition[1]))
        known = re.search(r'known_trip_count":\{"n":"(\d+)"', line.text)
        nested = any(inner.op == "while" for inner in self.computations[body[1]])
        times = int(known[1]) if known else (self.blocks if nested else self.steps)
        where = re.search(r'op_name="([^"]*)"', line.text)
        self.loops.append(
            {
                "where": where[1] if where else "",
                "times": times,
                "times_are_known": bool(known),
                "launches_each_time": once.launches,
                "megabytes_each_time": once.bytes / 1e6,
                "microseconds_each_time": once.seconds * 1e6,
            }
        )
        return Cost().plus(once, times)

    def _kernel(self, line: Line, lines: dict[str, Line]) -> Cost:
        moved, instructions = size(line.shape) + self._read(line, lines), 0.0
        if line.op == "fusion":
            fused = self.computations.get(_called(line)[0], [])
            instructions = sum(_instructions(one) for one in fused)
        elif (ours := re.search(r"/(\w+)/pallas_call", line.text)) and ours[1] in self.machine_code:
            blocks_of_elements = re.search(r"grid_x = (\d+)", line.text)
            assert blocks_of_elements
            instructions = self.machine_code[ours[1]] * int(blocks_of_elements[1]) * LANES
        elif "over_nodes" in line.text:
            blocks_of_elements = re.search(r"grid_x = (\d+)", line.text)
            nodes = re.search(r"\[(\d+),", lines[line.operands[0]].shape)
            assert blocks_of_elements
            assert nodes
            key = f"over_nodes:{line.shape.count('f64')}:{len(line.operands)}"
            instructions = self.machine_code.get(key, 0) * int(nodes[1]) * int(blocks_of_elements[1]) * ELEMENTS
        bound = LAUNCH, moved / BANDWIDTH, instructions / RATE
        longest = max(bound)
        return Cost(1.0, moved, instructions, longest, *(longest if b == longest else 0.0 for b in bound))

    def _read(self, line: Line, lines: dict[str, Line]) -> int:
        """Bytes of the operands; of one of which a fusion takes slices only, those."""
        fused = self.computations.get(_called(line)[0], []) if line.op == "fusion" else []
        parameters = {int(m[1]): one.name for one in fused if (m := re.search(r"parameter\((\d+)\)", one.text))}
        total = 0
        for k, operand in enumerate(line.operands):
            whole = size(lines[operand].shape) if operand in lines else 0
            users = [one for one in fused if parameters.get(k) in one.operands]
            if users and all(one.op in ("dynamic-slice", "gather") for one in users):
                whole = min(whole, sum(size(one.shape) for one in users))
            elif users and all(one.op == "dynamic-update-slice" and one.operands[0] == parameters[k] for one in users):
                whole = 0
            total += whole
        return total


def _line(text: str) -> Line | None:
    m = re.match(r"\s*(?:ROOT )?(%[\w.\-]+) = (\([^=]*?\)|\S+) ([\w\-]+)\((.*)", text)
    if not m:
        return None
    name, shape, op, rest = m.groups()
    return Line(name, shape, op, re.findall(r"%[\w.\-]+", rest.split("), ")[0]), text)


def _called(line: Line) -> list[str]:
    named = re.findall(r"(?:calls|to_apply|true_computation|false_computation)=(%[\w.\-]+)", line.text)
    several = re.search(r"branch_computations=\{([^}]*)\}", line.text)
    return named + (re.findall(r"%[\w.\-]+", several[1]) if several else [])


def _instructions(line: Line) -> float:
    if line.op not in COMPUTES or not line.shape.startswith("f64"):
        return 0.0
    return INSTRUCTIONS.get(line.op, 1) * size(line.shape) / 8


# === counting what kernels in registers are made of


def in_registers(function: Callable[..., Any], steps: float, *shapes: Any) -> dict[str, float]:
    """Instructions of one element, of every kernel of the function's that is no sum over nodes."""
    found: dict[str, float] = {}
    for kernel in _kernels(jax.make_jaxpr(function)(*shapes).jaxpr):
        name = kernel.params["name"]
        if name != "over_nodes":
            found[name] = max(found.get(name, 0.0), _of_lanes(kernel.params["jaxpr"], steps))
    return found


def _inner(eqn: Any) -> list[Any]:
    """The jaxprs in an equation's parameters."""
    leaves = jax.tree.leaves(list(eqn.params.values()), is_leaf=lambda x: hasattr(x, "eqns") or hasattr(x, "jaxpr"))
    return [getattr(x, "jaxpr", x) for x in leaves if hasattr(x, "eqns") or hasattr(x, "jaxpr")]


def _kernels(jaxpr: Any) -> list[Any]:
    found = []
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "pallas_call":
            found.append(eqn)
        else:
            found += [kernel for inner in _inner(eqn) for kernel in _kernels(inner)]
    return found


def _of_lanes(jaxpr: Any, steps: float) -> float:
    total = 0.0
    for eqn in jaxpr.eqns:
        times = {"scan": eqn.params.get("length", 1), "while": steps}.get(eqn.primitive.name, 1)
        total += times * sum(_of_lanes(inner, steps) for inner in _inner(eqn))
        name = NAMES.get(eqn.primitive.name, eqn.primitive.name)
        if name in COMPUTES and any(x.aval.shape and x.aval.dtype == "float64" for x in (*eqn.invars, *eqn.outvars)):
            total += INSTRUCTIONS.get(name, 1)
    return total


# === reading the machine code


def machine_code(case: str, folder: Path) -> list[dict[str, Any]]:
    """Registers, spills and double-precision instructions of every kernel of a case."""
    wheels = Path(jax.__file__).parents[1].glob("nvidia/cuda_nvcc/bin/ptxas")
    ptxas = shutil.which("ptxas") or str(next(wheels))
    rows = []
    for file in folder.glob(f"*jit_{case}.*.ptx"):
        text = file.read_text()
        if not text.strip():
            continue
        arch = re.search(r"\.target (\w+)", text)
        assert arch
        said = subprocess.run([ptxas, "-v", f"-arch={arch[1]}", str(file), "-o", os.devnull], capture_output=True, text=True)
        for entry in re.split(r"(?=\.visible \.entry )", text)[1:]:
            name = re.match(r"\.visible \.entry (\S+?)\(", entry)
            assert name
            told = re.search(rf"entry function '{re.escape(name[1])}'.*?(?=Compiling|\Z)", said.stderr, re.S)
            used = re.search(r"Used (\d+) registers", told[0] if told else "")
            spilled = re.search(r"(\d+) bytes spill stores", told[0] if told else "")
            rows.append(
                {
                    "kernel": name[1],
                    "parameters": entry.count(".param .u64"),
                    "registers": int(used[1]) if used else 0,
                    "spilled_bytes": int(spilled[1]) if spilled else 0,
                    "double_instructions": len(re.findall(r"\b(?:fma|mul|add|sub|div|sqrt|rcp|min|max)\S*\.f64", entry)),
                }
            )
    return rows


# === cases


def systems_of(lambda_33: Any, d: Any) -> Any:
    """A batch of two cross-paired bands as one pytree."""
    return jax.vmap(lambda x, y: two_band().set({"lam[a:b, a:b]": x, "mu[b]": 200.0 + y}))(lambda_33, d)


def start_few_nodes(lambda_33: Any, d: Any, T: Any) -> Any:
    found = solve_many(systems_of(lambda_33, d), T, start=START, ways="short", rule=FEW)
    return found.Delta, found.status, found.residual


def start(lambda_33: Any, d: Any, T: Any) -> Any:
    found = solve_many(systems_of(lambda_33, d), T, start=START, ways="short")
    return found.Delta, found.status, found.residual


def branch(lambda_33: Any, d: Any, T: Any) -> Any:
    found = solve_many(systems_of(lambda_33, d), T, ways="short")
    return found.Delta, found.status, found.residual


def named(lambda_33: Any, d: Any, T: Any) -> Any:
    found = solve_many(systems_of(lambda_33, d), T, branch="s+-", ways="short")
    return found.Delta, found.status, found.residual


def T_c(lambda_33: Any, d: Any, T: Any) -> Any:
    return jax.vmap(critical_temperature)(systems_of(lambda_33, d))


def gaps(lambda_33: Any, d: Any, T: Any) -> Any:
    found = solve_many(systems_of(lambda_33, d), T, start=START, ways="short")
    return jax.vmap(branch_minima)(found), found.status


def gradients(lambda_33: Any, d: Any, T: Any) -> Any:
    def total(lambda_33: Any, d: Any, T: Any) -> Any:
        found = solve_many(systems_of(lambda_33, d), T, start=START, ways="short")
        return jnp.sum(jnp.where(found.status == Status.CONVERGED, found.Delta[:, 0].real, 0.0))

    return jax.grad(total, argnums=(0, 1, 2))(lambda_33, d, T)


@cache
def shipped_fit() -> tuple[Any, Any]:
    """(problem, amplitudes [meV] at its optimum) of two gaps of Ba0.6K0.4Fe2As2 with two parameters, lambda_13 and Omega."""
    from jaxgap.fitting import load_fit
    from jaxgap.fitting.problem import problem

    config, sc, data = load_fit(HERE.parent / "fits" / "ba0.6k0.4fe2as2")
    return problem(config, config.systems(sc), data), jnp.array([[12.0, -6.0, 1.3]])


def fits(lambda_13: Any, Omega: Any, scatter: Any) -> Any:
    """One evaluation of so many fits: residuals and their Jacobian at the self-consistent states (a step of a bootstrap)."""
    from jaxgap.fitting.together import _nested

    p, near = shipped_fit()
    rows = len(lambda_13)
    value = p.value + scatter[:, None] * p.error
    at = _nested(p, jnp.stack([lambda_13, Omega], -1), jnp.tile(near, (rows, 1, 1)), value, jnp.tile(p.prior[0], (rows, 1)))
    return at.residuals, at.jacobian, at.on_branch


def posterior(lambda_13: Any, Omega: Any, _: Any) -> Any:
    """The density of a posterior and its gradient, at one step of so many chains."""
    from jaxgap.fitting.density import Density
    from jaxgap.fitting.sampler import _evaluated

    p, near = shipped_fit()
    at = _evaluated(Density(p, p.lower, near, jnp.zeros((*near.shape, 2))), jnp.stack([lambda_13, Omega], -1))
    return at.potential, at.gradient


CASES: dict[str, tuple[Callable[..., Any], float, int]] = {
    "start_few_nodes": (start_few_nodes, 8, 1),
    "start": (start, 8, 1),
    "branch": (branch, 13, 1),
    "named": (named, 13, 1),
    "T_c": (T_c, 40, 0),
    "gaps": (gaps, 8, 1),
    "gradients": (gradients, 8, 1),
    "fits": (fits, 8, 1),
    "posterior": (posterior, 8, 1),
}
"""Program of three arrays, mostly (lambda_33, d, T); how often its loops run whose end depends on the numbers (of a branch: per
stage); blocks."""


def counted(case: str, n: int, folder: Path) -> dict[str, Any]:
    """Everything about one case."""
    function, steps, blocks = CASES[case]
    shape = jax.ShapeDtypeStruct((n,), jnp.float64)
    began = time.perf_counter()
    with as_on_the_card():
        executable = compiled(function, shape, shape, shape)
        own = in_registers(function, steps, shape, shape, shape)
    seconds = time.perf_counter() - began
    text = executable.as_text()
    code = machine_code(case, folder)
    ours = [one for one in code if one["kernel"].startswith("over_nodes")]
    program = Program(text, steps, blocks, {**_of_node_sums(text, ours), **own})
    total = program.total
    bounds = {"launches": total.by_launches, "bandwidth": total.by_bytes, "arithmetic": total.by_instructions}
    return {
        "systems": n,
        "launches": round(total.launches),
        "bytes_per_system": total.bytes / n,
        "double_instructions_per_system": total.instructions / n,
        "memory_per_system_bytes": executable.memory_analysis().temp_size_in_bytes / n,
        "custom_calls": sorted(set(re.findall(r'custom_call_target="([^"]+)"', text))),
        "model_seconds": total.seconds,
        "model_systems_per_second": n / total.seconds,
        "bound_by": {name: share / total.seconds for name, share in bounds.items()},
        "steps": steps,
        "blocks": blocks,
        "loops": program.loops,
        "registers_most": max((one["registers"] for one in code), default=0),
        "kernels_that_spill": {one["kernel"]: one["spilled_bytes"] for one in code if one["spilled_bytes"]},
        "node_sums": ours,
        "in_registers": [{**one, "executed": own[one["kernel"]]} for one in code if one["kernel"] in own],
        "compile_seconds": seconds,
    }


def _of_node_sums(text: str, ours: list[dict[str, Any]]) -> dict[str, int]:
    """Double-precision instructions for one node, by numbers of sums and of operands: those of the whole kernel, whose loop
    over nodes is nearly all of it."""
    found = {}
    for one in ours:
        found[one["parameters"]] = max(found.get(one["parameters"], 0), one["double_instructions"])
    text = re.sub(r"/\*index=\d+\*/", "", text)
    calls = re.findall(r"= (\([^=]*?\)|\S+) custom-call\(([^)]*)\)[^\n]*over_nodes", text)
    by_call = {}
    for shape, operands in calls:
        sums, given = shape.count("f64"), len(re.findall(r"%[\w.\-]+", operands))
        by_call[f"over_nodes:{sums}:{given}"] = found.get(sums + given, max(found.values(), default=0))
    return by_call


def main() -> None:
    """Compile, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--systems", type=int, default=65536)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    print(WORDS)
    folder = Path(tempfile.mkdtemp())
    os.environ["JAX_SKIP_CUDA_CONSTRAINTS_CHECK"] = "1"  # there is no card
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_dump_to={folder}"
    jax.config.update("jax_enable_compilation_cache", False)
    report: dict[str, Any] = {
        "benchmark": "gpu_program",
        "about": WORDS,
        "model": {"launch_s": LAUNCH, "bytes_per_s": BANDWIDTH},
    }
    report["model"]["double_instructions_per_s"] = RATE
    report["cases"] = {}
    shipped_fit()
    for case in options.cases:
        row = report["cases"][case] = counted(case, options.systems, folder)
        bound = max(row["bound_by"], key=row["bound_by"].get)
        print(
            f"{case}: {row['launches']} launches, {row['bytes_per_system']:.3g} bytes and "
            f"{row['double_instructions_per_system']:.3g} double-precision instructions per system, "
            f"{row['memory_per_system_bytes']:.3g} bytes of memory, {row['registers_most']} registers, "
            f"{row['model_systems_per_second']:.2g} systems per second (model; mostly {bound}), calls {row['custom_calls']}",
            flush=True,
        )
    if options.output is not None:
        options.output.write_text(json.dumps(report | {"provenance": provenance()}, indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
