"""What the benchmark of reconciliation lets pass as ambiguous."""

from benchmarks.reconcile import adds_up_otherwise

AMOUNTS = {"a": 300, "b": 200, "c": 500, "d": 90}


def test_a_payment_is_open_only_if_a_line_adds_up_without_it_or_with_it() -> None:
    assert adds_up_otherwise(AMOUNTS, "a", [500], in_line=True)
    assert not adds_up_otherwise(AMOUNTS, "d", [590], in_line=True)
    assert adds_up_otherwise(AMOUNTS, "d", [590], in_line=False)
    assert not adds_up_otherwise(AMOUNTS, "d", [500], in_line=False)
