r"""The Jacobian of Eliashberg's equations with cross-band pairing, as what it consists of.

.. math:: (J v)_c(n) = v_c(n) - \sum_s \sum_k K^s_{nk} \sum_b w^s_{cb}(k) \, v_b(k)

with the sums K over frequencies (`jaxgap.selfenergy.matsubara`), odd ones for W and A, even ones for X and Phi, and small
matrices w at every node: couplings times d densities / d self-energy. A product with a vector costs as much as an iteration,
the matrix of all unknowns, ten channels' parts at seventy nodes, as much as a thousand, and its elimination more than that.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgap.numerics.krylov import Solved, smallest_by_products, solved_by_products
from jaxgap.numerics.linearised import Linearised

__all__ = ["CrossJacobian", "spread"]


class CrossJacobian(Linearised):
    """d residual / d self-energy of cross-paired bands; the parts of a vector are W, X, Phi of every channel, and A."""

    odd: Float[Array, "spectrum node node"]
    even: Float[Array, "spectrum node node"]
    instant: Float[Array, "node"]
    by_odd: Float[Array, "spectrum channel_and_cross part node"]
    """w of W and A."""
    by_even: Float[Array, "spectrum two_channels part node"]
    """w of X and Phi."""
    by_instant: Float[Array, "channel part node"]
    """w of Phi, for what is instantaneous."""
    local: Float[Array, "part part node"] | None
    """What impurities make at the same frequency."""

    @property
    def _channels(self) -> int:
        return len(self.by_instant)

    def product(self, v: Float[Array, "n"]) -> Float[Array, "n"]:
        """J v."""
        c, rows = self._channels, v.reshape(-1, len(self.instant))

        def made(sums: Float[Array, "spectrum node node"], w: Float[Array, "spectrum some part node"]) -> Array:
            return jnp.sum(sums @ jnp.swapaxes(jnp.sum(w * rows, axis=2), 1, 2), axis=0).T

        odd, even = made(self.odd, self.by_odd), made(self.even, self.by_even)
        instant = jnp.sum(self.by_instant * rows, axis=1) @ self.instant
        all_made = jnp.concatenate([odd[:c], even[:c], even[c:] + instant[:, None], odd[c:]])
        if self.local is not None:
            all_made = all_made + jnp.sum(self.local * rows, axis=1)
        return v - all_made.ravel()

    def transposed(self, v: Float[Array, "n"]) -> Float[Array, "n"]:
        """J^T v."""
        c, rows = self._channels, v.reshape(-1, len(self.instant))
        W, X, Phi, A = jnp.split(rows, c * np.arange(1, 4))

        def made(
            sums: Float[Array, "spectrum node node"], w: Float[Array, "spectrum some part node"], of: Float[Array, "some node"]
        ) -> Array:
            back = jnp.swapaxes(jnp.swapaxes(sums, 1, 2) @ of.T, 1, 2)
            return jnp.sum(w * back[:, :, None], axis=(0, 1))

        all_made = made(self.odd, self.by_odd, jnp.concatenate([W, A]))
        all_made = all_made + made(self.even, self.by_even, jnp.concatenate([X, Phi]))
        all_made = all_made + jnp.sum(self.by_instant * jnp.sum(Phi, axis=1)[:, None, None], axis=0) * self.instant
        if self.local is not None:
            all_made = all_made + jnp.sum(self.local * rows[:, None], axis=0)
        return v - all_made.ravel()

    def matrix(self) -> Float[Array, "n n"]:
        """J."""
        c = self._channels
        odd, even = spread(self.odd, self.by_odd), spread(self.even, self.by_even)
        instant = (self.by_instant * self.instant)[:, None]
        made = jnp.concatenate([odd[:c], even[:c], even[c:] + instant, odd[c:]])
        if self.local is not None:
            nodes = np.arange(len(self.instant))
            made = made.at[:, nodes, :, nodes].add(jnp.moveaxis(self.local, -1, 0))
        n = made.shape[0] * made.shape[1]
        return jnp.eye(n) - made.reshape(n, n)

    def solved(self, b: Float[Array, "n"]) -> Float[Array, "n"]:
        return self._or_eliminated(solved_by_products(self.product, b), b, transposed=False)

    def solved_transposed(self, b: Float[Array, "n"]) -> Float[Array, "n"]:
        return self._or_eliminated(solved_by_products(self.transposed, b), b, transposed=True)

    def smallest_singular_value(self) -> Float[Array, ""]:
        return smallest_by_products(self.product, self.transposed, self.by_odd.shape[2] * len(self.instant))

    def _or_eliminated(self, found: Solved, b: Float[Array, "n"], transposed: bool) -> Float[Array, "n"]:
        """What products have not solved is eliminated: a loop of no step or one, as a batch has both sides of a condition."""

        def eliminated(state: tuple[Array, Array]) -> tuple[Float[Array, "n"], Bool[Array, ""]]:
            # Else the compiler takes the matrix and its factors, which no step changes, out of the loop.
            own, _ = jax.lax.optimization_barrier((self, state))
            J = own.matrix()
            return jnp.linalg.solve(J.T if transposed else J, b), jnp.ones((), bool)

        done = found.converged | ~jnp.isfinite(found.x).all()
        return jax.lax.while_loop(lambda state: ~state[1], eliminated, (found.x, done))[0]


def spread(
    sums: Float[Array, "spectrum node node"], weights: Float[Array, "spectrum channel change node"]
) -> Float[Array, "channel node change node"]:
    """sum_s K_nk w_cbk: couplings and densities have been multiplied before, so that every entry is written once."""
    return jnp.sum(sums[:, None, :, None] * weights[:, :, None], axis=0)
