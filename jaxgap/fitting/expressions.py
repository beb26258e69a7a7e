"""Arithmetic with parameters, for leaves that are tied to several of them: numbers, names, + - * / **, sqrt, exp and log.

A text such as `"0.5 * lambda_12 + lambda_13**2"` is read by Python's own parser and walked here; nothing else is evaluated.
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from jaxgap.numerics.checks import InputError

__all__ = ["evaluated", "held", "names_in"]

_OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    # Python's own raise for 1 / 0 and 10.0 ** 400, and make (-1) ** 0.5 complex; these give what no system accepts.
    ast.Div: jnp.divide,
    ast.Pow: jnp.power,
}
_SIGNS: dict[type, Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {"sqrt": jnp.sqrt, "exp": jnp.exp, "log": jnp.log}

LARGEST = 1e300
"""A number in an expression is smaller: an integer beyond this is no float."""


def names_in(text: str) -> tuple[str, ...]:
    """The parameters in an expression.

    Raises:
        InputError: for anything but arithmetic.
    """
    tree = _tree(text)
    functions = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    names = tuple(dict.fromkeys(node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in functions))
    _value(tree, dict.fromkeys(names, jnp.ones(())), text)
    return names


def evaluated(text: str, values: Mapping[str, Any]) -> Any:
    """The value of an expression; differentiable."""
    return _value(_tree(text), values, text)


def held(text: str, values: Mapping[str, float]) -> str:
    """The expression with numbers for some of its names."""

    class Numbers(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            # As the parser writes it: a negative number is a sign and a number, and keeps its brackets in (-2) ** 2.
            return _tree(repr(values[node.id])) if node.id in values else node

    return ast.unparse(Numbers().visit(_tree(text)))


def _tree(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        raise InputError(f"`{text}` is no expression: it may have numbers, parameters, + - * / **, sqrt, exp, log.") from None


def _value(node: ast.expr, values: Mapping[str, Any], text: str) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool) and abs(number) < LARGEST:
            return float(number)
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.UnaryOp(op=op, operand=part) if type(op) in _SIGNS:
            return _SIGNS[type(op)](_value(part, values, text))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
            return _OPERATIONS[type(op)](_value(left, values, text), _value(right, values, text))
        case ast.Call(func=ast.Name(id=name), args=[part], keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](_value(part, values, text))
    raise InputError(f"`{text}` may have numbers, parameters, + - * / **, sqrt, exp, log, but not `{ast.unparse(node)}`.")
