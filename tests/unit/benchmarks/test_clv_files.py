"""A file of transactions is read as it is: what is unusable is said, the rest goes on."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from benchmarks.clv import numbered, on_file
from benchmarks.clv_files import FileError, transactions
from tests.unit.clv.shop import simulated


def test_good_rows_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "t.csv"
    file.write_text(
        "customer_id,date,amount\na,2026-01-01,10\n,2026-01-01,5\nb,2026-01-02 10:30,7.5\n"
        "a,2026-01-05,-3\nb,no day,1\n"
    )
    orders = transactions(file)
    assert orders.customer.tolist() == [0, 0, 1]
    assert orders.value.tolist() == [10, -3, 7.5]
    assert orders.placed.tolist() == [1, 0, 1]
    assert orders.day[0] == numbered(date(2026, 1, 1))
    assert (
        "2 rows without customer, date or amount are left out, the first in line 3" in capsys.readouterr().err
    )


def test_a_missing_column_and_an_empty_file_are_named(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("customer_id,day,amount\n")
    with pytest.raises(FileError, match="has no column date"):
        transactions(file)
    file.write_text("customer_id,date,amount\n,,\n")
    with pytest.raises(FileError, match="no row has a customer"):
        transactions(file)


def test_the_blend_of_a_file_does_not_see_the_holdout() -> None:
    orders = simulated(400, 400)
    end = 18_000 + 300
    found = on_file(orders, end, 60, learners=())
    later = orders.where(orders.day > end)
    changed = on_file(
        type(orders).of(
            np.concatenate([orders.until(end).customer, later.customer[::-1]]),
            np.concatenate([orders.until(end).day, later.day]),
            np.concatenate([orders.until(end).value, later.value * 3]),
        ),
        end,
        60,
        learners=(),
    )
    weights = [name for name in found if name.startswith("weight_")]
    assert [found[name] for name in weights] == [changed[name] for name in weights]
    assert found["blend_mse"] != changed["blend_mse"]
    assert {"naive_bias", "rfm_mae", "btyd_ngini", "prophet_bias", "prophet_curve_mape"} <= set(found)
