"""The audit sample can be drawn again by anybody, in any order."""

import hashlib
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from include.finance.audit.sample import SIZE, OrderKey, draw

DAY = date(2026, 3, 31)
ORDERS = [("shop", f"{number:05d}") for number in range(1000)]
ids = st.text("ab1/\n", max_size=4)


def test_the_sample_is_told_by_its_hash() -> None:
    """Drawn again with nothing but a hash and a sort, as docs/fraud.md tells auditors to."""
    hashes = {
        hashlib.sha256(f"acme\n2026-03-31\nshop\n{order_id}".encode()).hexdigest(): order_id
        for _, order_id in ORDERS
    }
    assert draw("acme", DAY, ORDERS) == [("shop", hashes[digest]) for digest in sorted(hashes)[:SIZE]]


@given(orders=st.lists(st.tuples(ids, ids)), data=st.data(), size=st.integers(0, 5))
def test_no_order_of_the_orders_moves_it(orders: list[OrderKey], data: st.DataObject, size: int) -> None:
    shuffled = data.draw(st.permutations([*orders, *orders[:2]]))
    drawn = draw("acme", DAY, orders, size)
    assert draw("acme", DAY, shuffled, size) == drawn
    assert len(drawn) == min(size, len(set(orders)))
    assert set(draw("acme", DAY, orders, len(orders))) == set(orders)


def test_an_order_that_comes_late_takes_the_place_of_one_at_most() -> None:
    late = ("shop", "late")
    before, after = set(draw("acme", DAY, ORDERS)), set(draw("acme", DAY, [*ORDERS, late]))
    assert after - before <= {late}
    assert len(before - after) <= 1


def test_each_day_and_tenant_has_its_own() -> None:
    samples = [draw(tenant, day, ORDERS) for tenant in ("acme", "zen") for day in (DAY, date(2026, 4, 1))]
    shared = set(samples[0]).intersection(*samples[1:])
    assert len({tuple(sample) for sample in samples}) == 4
    assert len(shared) < 10


def test_every_order_is_drawn_as_often_as_any_other() -> None:
    """A hundred of a thousand on each of 400 days: each order 40 times, within five deviations of 6."""
    counts = dict.fromkeys(ORDERS, 0)
    for number in range(400):
        for order in draw("acme", date.fromordinal(DAY.toordinal() + number), ORDERS):
            counts[order] += 1
    assert 10 <= min(counts.values()) <= max(counts.values()) <= 70
