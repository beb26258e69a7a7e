"""A name means one code in everything that is found."""

import itertools

from jaxgap import BifurcationKind, EndKind, Status, TransitionKind


def test_a_name_has_one_code():
    """Those of `Status` are written to disk and count. (`Label.NORMAL` is 0, and written, too.)"""
    kinds = (Status, EndKind, BifurcationKind, TransitionKind)
    for one, other in itertools.combinations(kinds, 2):
        for name in set(one.__members__) & set(other.__members__):
            assert one[name] == other[name], name


def test_every_end_has_its_words():
    assert EndKind.NORMAL.words == "in the normal state"
    assert EndKind.OTHER.words == "or cannot be followed further"
    assert len({kind.words for kind in EndKind}) == len(EndKind)
