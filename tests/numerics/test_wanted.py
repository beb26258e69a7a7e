"""Work in many parts that nobody wants any more ends with the part it is at."""

import numpy as np
import pytest

from jaxgap.numerics.chunks import in_chunks
from jaxgap.numerics.wanted import NotWantedError, check_wanted, while_wanted


def test_parts_that_are_not_wanted_are_not_begun():
    begun = []

    def doubled(x):
        begun.append(len(x))
        return 2 * x

    rows = np.arange(4000.0)[:, None]
    with while_wanted(lambda: not begun), pytest.raises(NotWantedError):
        in_chunks(doubled, 1, rows)
    assert 0 < len(begun) < len(rows)
    np.testing.assert_array_equal(in_chunks(doubled, 400, rows), 2 * rows)


def test_work_is_wanted_unless_somebody_says_otherwise():
    check_wanted()
    with while_wanted(lambda: False), while_wanted(lambda: True):
        check_wanted()
    with while_wanted(lambda: False), pytest.raises(NotWantedError):
        check_wanted()
    check_wanted()
