"""Print an Arrow table for people and programs: csv, json or table."""

import csv
import json
import sys
from collections.abc import Iterator
from typing import Any, Literal, TextIO

import pyarrow as pa
from rich.console import Console
from rich.table import Table

Format = Literal["csv", "json", "table"]


def render(table: pa.Table, form: Format, out: TextIO | None = None) -> None:
    """Write a table to a stream.

    Args:
        table: the rows.
        form: ``csv`` (RFC 4180 with a header), ``json`` (an array of objects) or ``table``.
        out: where to write; standard output when left out.
    """
    out = out or sys.stdout
    if form == "csv":
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(table.column_names)
        writer.writerows([_plain(v, "") for v in row] for row in _rows(table))
    elif form == "json":
        rows = [dict(zip(table.column_names, row, strict=True)) for row in _rows(table)]
        json.dump(rows, out, default=str, ensure_ascii=False, indent=1)
        out.write("\n")
    else:
        grid = Table(*table.column_names)
        for row in _rows(table):
            grid.add_row(*(_plain(value, "") for value in row))
        Console(file=out, markup=False, width=None if out.isatty() else 200).print(grid)


def _rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def _plain(value: Any, null: str) -> str:
    return null if value is None else str(value)
