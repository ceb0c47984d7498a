"""Which model the labels let decide."""

from dataclasses import replace

import pytest

from include.identity.labels import FEW_LABELS, Accuracy, choose
from include.identity.model import Model

FIRST = Model(settings={}, scoring="", columns=(), further=(), keys=(), households={}, household_bonus=0.0)
SECOND, THIRD = replace(FIRST, household_bonus=1.0), replace(FIRST, household_bonus=2.0)


def told(right: int, labels: int = 100) -> Accuracy:
    """So many of the labelled pairs are decided rightly; half are the same person's."""
    return Accuracy(labels, labels // 2, labels // 2 - (labels - right), labels // 2 - (labels - right))


@pytest.mark.parametrize(
    ("right", "is_new", "chosen"),
    [
        ((93, 99, 99), False, FIRST),
        ((92, 91, 93), False, THIRD),
        ((92, 91, 90), False, FIRST),
        ((80, 90, 85), False, SECOND),
        ((94, 95, 99), True, SECOND),
        ((95, 95, 99), True, FIRST),
        ((92, 94, 95), True, SECOND),
    ],
)
def test_the_first_stays_while_it_is_good(right: tuple[int, ...], is_new: bool, chosen: Model) -> None:
    contenders = list(zip((FIRST, SECOND, THIRD), map(told, right), strict=True))
    assert choose(contenders, is_new=is_new) == chosen


def test_under_nine_in_ten_the_rules_decide() -> None:
    chosen = choose([(FIRST, told(60)), (SECOND, told(89))], is_new=False)
    assert chosen == replace(SECOND, by_rules=True)


def test_few_labels_judge_nothing() -> None:
    few = told(25, FEW_LABELS - 1)
    assert few.accuracy is not None
    assert few.accuracy < 0.6
    assert choose([(FIRST, few), (SECOND, told(FEW_LABELS - 1, FEW_LABELS - 1))], is_new=False) == FIRST


def test_shares_of_counts() -> None:
    measured = Accuracy(labels=10, same=4, called=5, both=3) + Accuracy(labels=10, same=0, called=0, both=0)
    assert (measured.accuracy, measured.precision, measured.recall) == (0.85, 0.6, 0.75)
    nothing = Accuracy(0, 0, 0, 0)
    assert (nothing.accuracy, nothing.precision, nothing.recall) == (None, None, None)
