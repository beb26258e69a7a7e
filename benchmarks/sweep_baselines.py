"""What `sweep_kernel.py` compares the kernel with: two equal 2D bands (`materials.two_band`) in SciPy and in NumPy."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import quad
from scipy.optimize import root

from jaxgap import Rule
from jaxgap.materials import two_band
from jaxgap.spectra.regions import overlap_nodes, pairs, single_nodes
from jaxgap.units import k_B

__all__ = ["START", "TOLERANCE", "as_written", "in_numpy", "rearranged", "script"]

TOLERANCE = 1e-10  # meV, residual of the gap equations
START = np.array([6.5, 4.2, 1.8])
Densities = Callable[..., Callable[[np.ndarray], np.ndarray]]


@partial(jax.jit, static_argnames="rule")
def numpy_nodes(lambda_33: Any, d: Any, T: Any, rule: Rule) -> Any:
    """kappa and weights for NumPy, placed at the start: (both bands, one band alone, which)."""
    sc = two_band()

    def one(x: Any, y: Any, T: Any) -> Any:
        system = sc.set({"lam[a:b, a:b]": x, "mu[b]": 200.0 + y})
        both = overlap_nodes(system, pairs(system)[0], jnp.asarray(START), T, rule.overlap)
        return both, single_nodes(system, jnp.asarray(START), T, rule.single)[1]

    return jax.vmap(one)(lambda_33, d, T)


def in_numpy(
    lambda_33: np.ndarray, d: np.ndarray, T: np.ndarray, rule: Rule, densities: Densities, block: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Vectorised NumPy: Newton of the whole batch at once, or block by block, with the Jacobian by forward differences."""
    block = block or len(T)
    both, alone = jax.tree.map(np.asarray, numpy_nodes(lambda_33, d, T, rule))
    parts = []
    for i in range(0, len(T), block):
        s = slice(i, i + block)
        kappas = [np.ascontiguousarray(part[s]) for part in (both.kappa, both.weight, alone.kappa, alone.weight)]
        parts.append(_numpy_newton(lambda_33[s], d[s], densities(d[s], k_B * T[s], *kappas)))
    return np.concatenate([x for x, _ in parts]), np.concatenate([ok for _, ok in parts])


def _numpy_newton(lambda_33: np.ndarray, d: np.ndarray, P: Callable[[np.ndarray], np.ndarray]) -> Any:
    lam = np.tile(np.array([[0.4, 0.05, 0.05], [0.05, 0.3, 0.05], [0.05, 0.05, 0.0]]), (len(d), 1, 1))
    lam[:, 2, 2] = lambda_33

    def equations(D: np.ndarray) -> np.ndarray:
        return D - (lam @ P(D)[..., None])[..., 0]

    D = np.tile(START, (len(d), 1))
    for _ in range(12):
        r = equations(D)
        if np.all(np.linalg.norm(r, axis=1) <= TOLERANCE / 10):
            break
        h = 1e-6
        J = np.stack([(equations(D + h * e) - r) / h for e in np.eye(3)], axis=2)
        D = D - np.linalg.solve(J, r[..., None])[..., 0]
    return D, np.linalg.norm(r, axis=1) <= TOLERANCE / 10


def as_written(d: np.ndarray, kT: np.ndarray, kappa: Any, w: Any, kappa_1: Any, w_1: Any) -> Callable[[np.ndarray], np.ndarray]:
    """(P_1, P_2, P_3) of every system: the script's integrands, summed over the nodes."""
    kT, z1 = kT[:, None], kappa - 200.0
    z2 = z1 - d[:, None]
    z_1 = [kappa_1[:, i] - 200.0 - (d[:, None] if i > 1 else 0.0) for i in range(4)]

    def f(E: np.ndarray) -> np.ndarray:
        return np.tanh(E / (2 * kT)) / (2 * E)

    def P(D: np.ndarray) -> np.ndarray:
        D1, D2, D3 = (D[:, c, None] for c in range(3))
        e1, e2, s3 = z1**2 + D1**2, z2**2 + D2**2, D3**2
        b = np.sqrt((e1 - e2) ** 2 + 4 * s3 * ((z1 - z2) ** 2 + (D1 + D2) ** 2))
        Ep, Em = np.sqrt((e1 + e2 + 2 * s3 + b) / 2), np.sqrt((e1 + e2 + 2 * s3 - b) / 2)
        S, R = f(Ep) + f(Em), (f(Ep) - f(Em)) / b
        P1 = w * 0.5 * (D1 * S + R * (D1 * (e1 - e2 + 2 * s3) + 2 * s3 * D2))
        P2 = w * 0.5 * (D2 * S + R * (D2 * (e2 - e1 + 2 * s3) + 2 * s3 * D1))
        P3 = w * (D3 * S + R * (D3 * ((z1 - z2) ** 2 + D1**2 + D2**2) + 2 * D1 * D2 * D3))
        alone = [(w_1[:, i] * D_i * f(np.sqrt(z_1[i] ** 2 + D_i**2))).sum(1) for i, D_i in enumerate((D1, D1, D2, D2))]
        return np.stack([P1.sum(1) + alone[0] + alone[1], P2.sum(1) + alone[2] + alone[3], P3.sum(1)], 1)

    return P


def rearranged(d: np.ndarray, kT: np.ndarray, kappa: Any, w: Any, kappa_1: Any, w_1: Any) -> Callable[[np.ndarray], np.ndarray]:
    """The same from four sums over k, with what does not depend on the amplitudes computed once."""
    kT, mu_2 = kT[:, None], 200.0 + d[:, None]
    z1, z2 = kappa - 200.0, kappa - mu_2
    sum_z, dif_z, z12 = z1 + z2, z1 - z2, z1 * z2
    squares, single = (
        z1 * z1 + z2 * z2,
        (kappa_1 - np.stack([200.0 + 0 * d, 200.0 + 0 * d, 200.0 + d, 200.0 + d], 1)[..., None]) ** 2,
    )

    def P(D: np.ndarray) -> np.ndarray:
        D1, D2, D3 = (D[:, c, None] for c in range(3))
        s1, s2, s3 = D1 * D1, D2 * D2, D3 * D3
        A = squares + (s1 + s2 + 2 * s3)
        det = (z12 + (s3 - D1 * D2)) ** 2 + (z1 * D2 + z2 * D1) ** 2
        b = np.sqrt((dif_z * sum_z + (s1 - s2)) ** 2 + 4 * s3 * (dif_z**2 + (D1 + D2) ** 2))
        E_plus = np.sqrt((A + b) / 2)
        E_minus = np.sqrt(det) / E_plus
        f_plus, f_minus = np.tanh(E_plus / (2 * kT)) / (2 * E_plus), np.tanh(E_minus / (2 * kT)) / (2 * E_minus)
        S, R = w * (f_plus + f_minus), w * (f_plus - f_minus) / b
        S, R, R_zz, R_dd = (x.sum(1) for x in (S, R, R * dif_z * sum_z, R * dif_z**2))
        D1, D2, D3 = D.T
        s1, s2, s3 = D1 * D1, D2 * D2, D3 * D3
        R_12 = R_zz + R * (s1 - s2)
        E = np.sqrt(single + (D[:, [0, 0, 1, 1], None]) ** 2)
        f = (w_1 * np.tanh(E / (2 * kT[..., None])) / (2 * E)).sum(2)
        P1 = 0.5 * (D1 * (S + 2 * s3 * R + R_12) + 2 * s3 * D2 * R) + D1 * (f[:, 0] + f[:, 1])
        P2 = 0.5 * (D2 * (S + 2 * s3 * R - R_12) + 2 * s3 * D1 * R) + D2 * (f[:, 2] + f[:, 3])
        P3 = D3 * (S + R_dd + R * (s1 + s2)) + 2 * D1 * D2 * D3 * R
        return np.stack([P1, P2, P3], 1)

    return P


def script_solve(lambda_33: float, d: float, T: float) -> tuple[np.ndarray, bool]:
    """scipy quad + root, for one system, as one would write it from the paper's Eq. 3-5."""
    lam = np.array([[0.4, 0.05, 0.05], [0.05, 0.3, 0.05], [0.05, 0.05, lambda_33]])
    Omega, kT = 30.0, 0.08617333262145177 * T

    def f(E: float) -> float:
        return math.tanh(E / (2 * kT)) / (2 * E)

    def integrand(z1: float, D: np.ndarray, channel: int) -> float:
        D1, D2, D3 = D
        z2 = z1 - d
        inside1, inside2 = abs(z1) <= Omega, abs(z2) <= Omega
        if not (inside1 and inside2):
            if channel == 0 and inside1:
                return D1 * f(math.sqrt(z1**2 + D1**2))
            if channel == 1 and inside2:
                return D2 * f(math.sqrt(z2**2 + D2**2))
            return 0.0
        e1, e2, s3 = z1**2 + D1**2, z2**2 + D2**2, D3**2
        r = (z1 - z2) ** 2 + (D1 + D2) ** 2
        b = math.sqrt((e1 - e2) ** 2 + 4 * s3 * r)
        Ep, Em = math.sqrt((e1 + e2 + 2 * s3 + b) / 2), math.sqrt((e1 + e2 + 2 * s3 - b) / 2)
        S, R = f(Ep) + f(Em), (f(Ep) - f(Em)) / b
        if channel == 0:
            return 0.5 * (D1 * S + R * (D1 * (e1 - e2 + 2 * s3) + 2 * s3 * D2))
        if channel == 1:
            return 0.5 * (D2 * S + R * (D2 * (e2 - e1 + 2 * s3) + 2 * s3 * D1))
        return D3 * S + R * (D3 * ((z1 - z2) ** 2 + D1**2 + D2**2) + 2 * D1 * D2 * D3)

    def equations(D: np.ndarray) -> np.ndarray:
        points = [-Omega + d, 0.0, d, Omega]
        P = [
            quad(integrand, -Omega, Omega + d, (D, c), points=points, epsabs=1e-11, epsrel=1e-11, limit=200)[0]
            for c in range(3)
        ]
        return D - lam @ np.array(P)

    found = root(equations, START, tol=1e-11)
    return found.x, bool(np.linalg.norm(equations(found.x)) <= TOLERANCE)


def script(lambda_33: np.ndarray, d: np.ndarray, T: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The script, for one system after the other."""
    found = [script_solve(*row) for row in zip(lambda_33, d, T, strict=True)]
    return np.stack([x for x, _ in found]), np.array([ok for _, ok in found])
