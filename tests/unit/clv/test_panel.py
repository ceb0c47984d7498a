"""What is known on a day is known, and nothing of later days."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.clv.panel import Orders, Panel

ORDERS = Orders.of([7, 3, 3, 3, 7, 9, 3], [12, 0, 5, 5, 31, 40, 25], [10, 1, 2, 3, -4, 8, 6])
EDGES = [0, 10, 20, 30]


def test_what_was_ordered_on_one_day_is_one_order() -> None:
    assert ORDERS.customer.tolist() == [3, 3, 3, 7, 7, 9]
    assert ORDERS.day.tolist() == [0, 5, 25, 12, 31, 40]
    assert ORDERS.value.tolist() == [1, 5, 6, 10, -4, 8]


def test_by_hand() -> None:
    panel = Panel.at(ORDERS, EDGES)
    assert panel.customers.tolist() == [3, 7]
    assert panel.end == 29
    assert panel.orders.tolist() == [[2, 0, 1], [0, 1, 0]]
    assert panel.value.tolist() == [[6, 0, 6], [0, 10, 0]]
    assert (panel.first.tolist(), panel.last.tolist(), panel.repeats.tolist()) == ([0, 12], [25, 12], [2, 0])
    told = panel.histories
    assert (told.recency.tolist(), told.age.tolist()) == ([25, 0], [29, 17])


def test_what_came_is_of_the_known_customers() -> None:
    counts, values = Panel.at(ORDERS, EDGES).ahead(ORDERS, [30, 35, 50])
    assert counts.tolist() == [[0, 0], [1, 0]]
    assert values.tolist() == [[0, 0], [-4, 0]]


def test_orders_before_the_periods_count_for_the_history() -> None:
    panel = Panel.at(ORDERS, [10, 20, 30])
    assert panel.orders.tolist() == [[0, 1], [1, 0]]
    assert panel.repeats.tolist() == [2, 0]
    assert panel.first.tolist() == [0, 12]


@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(0, 60), st.integers(-50, 200)), min_size=1, max_size=50
    ),
    st.integers(1, 60),
)
def test_later_orders_change_nothing(told: list[tuple[int, int, int]], end: int) -> None:
    edges = [0, *([end // 2] if end > 1 else []), end]
    known = [order for order in told if order[1] < end]
    if not known:
        with pytest.raises(ValueError, match="no customer has ordered"):
            Panel.at(Orders.of(*zip(*told, strict=True)), edges)
        return
    panel, alone = (Panel.at(Orders.of(*zip(*orders, strict=True)), edges) for orders in (told, known))
    for name in ("customers", "orders", "value", "first", "last", "repeats"):
        assert np.array_equal(getattr(panel, name), getattr(alone, name)), name
    assert panel.orders.sum() == len({order[:2] for order in known})
    assert panel.value.sum() == sum(order[2] for order in known)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="one element for each"):
        Orders.of([1], [1, 2], [1.0])
    with pytest.raises(ValueError, match="no number"):
        Orders.of([1], [1], [np.nan])
    with pytest.raises(ValueError, match="rising"):
        Panel.at(ORDERS, [5, 5])
    with pytest.raises(ValueError, match="begin on day 29, but day 29 is known"):
        Panel.at(ORDERS, EDGES).ahead(ORDERS, [29, 35])
