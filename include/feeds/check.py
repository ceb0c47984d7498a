"""Check a file against a mapping before anything is registered: what would load, what not and why."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from include.feeds.load import stage
from include.feeds.mapping import read_mapping, set_variables
from include.feeds.records import open_records
from include.settings import Settings, get_settings
from include.warehouse.contracts import Contract


@dataclass(frozen=True)
class Refusal:
    """One fault of one row: the record's number, its line where that is certain, column, value and reason."""

    row: int
    line: int | None
    column: str | None
    value: str | None
    reason: str


@dataclass(frozen=True)
class Preview:
    """What a load would do with a file, as far as the file alone tells.

    ``repeated`` counts rows beyond the first of their key in the file. ``totals`` are the contract's money
    columns over the rows that are not refused: currency, column, sum.
    """

    feed: str
    records: int
    rows: int
    would_load: int
    refused: int
    repeated: int
    refusals: tuple[Refusal, ...]
    totals: tuple[tuple[str, str, str], ...]
    sample: tuple[dict[str, Any], ...]


def check(
    path: Path,
    mapping: Path,
    contract: Contract,
    *,
    file_format: str,
    tenant_id: str = "preview",
    source: str = "preview",
    time_zone: str = "UTC",
    options: Mapping[str, Any] | None = None,
    interval: tuple[datetime, datetime] | None = None,
    limit: int = 50,
    settings: Settings | None = None,
) -> Preview:
    """Run a file through a mapping and a contract; needs no warehouse and writes nothing.

    Args:
        path: the file.
        mapping: the mapping's SQL file.
        contract: of the feed that it fills.
        file_format: csv, jsonl or parquet.
        tenant_id: what the mapping may ask for by getvariable.
        source: the same.
        time_zone: the same.
        options: of a CSV, as in the source's YAML.
        interval: what the mapping may ask for as interval_start and interval_end.
        limit: how many refusals to list.
        settings: memory, folder for spilling.

    Raises:
        FileError: when the file cannot be read as declared.
        MappingError: when the mapping cannot be used.
    """
    settings = settings or get_settings()
    start, end = interval or (datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 2, tzinfo=UTC))
    select = read_mapping(mapping)
    skip = int((options or {}).get("skip", 0))
    with open_records(path, file_format, name=path.name, options=options, settings=settings) as records:
        set_variables(
            records.duck,
            tenant_id=tenant_id,
            source=source,
            time_zone=time_zone,
            interval_start=start,
            interval_end=end,
        )
        staged = stage(records, contract, select)
        duck = staged.duck
        lead = {"csv": 1 + skip, "jsonl": 0}.get(file_format)
        certain = lead is not None and _count_lines(path) == records.count + lead
        refusals: list[Refusal] = [
            Refusal(row, line, column, value, reason)
            for row, line, column, value, reason in duck.execute(
                "select _row, line, column_name, left(content, 200), reason from broken order by 1 limit ?",
                [limit],
            ).fetchall()
        ]
        if staged.refused:
            found = duck.execute(
                """
                select _row, r.column, r.value, r.reason
                from (select _row, unnest(reasons) as r from refused order by _row limit ?)
                """,
                [limit],
            ).fetchall()
            refusals += [
                Refusal(row, row + lead if certain and lead is not None else None, column, value, reason)
                for row, column, value, reason in found
            ]
        [(keys,)] = duck.execute("select count(distinct _h) from keyed").fetchall()
        good = staged.rows - staged.refused
        return Preview(
            feed=contract.feed,
            records=records.count,
            rows=staged.rows + records.broken,
            would_load=keys,
            refused=staged.refused + records.broken,
            repeated=good - keys,
            refusals=tuple(sorted(refusals, key=lambda r: r.row)[:limit]),
            totals=_totals(staged.duck, staged.clean(), contract),
            sample=_sample(staged.duck, staged.clean(), contract),
        )


def _count_lines(path: Path) -> int:
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else path.open("rb") as text:
        return sum(1 for _ in text)


def _totals(duck: Any, clean: str, contract: Contract) -> tuple[tuple[str, str, str], ...]:
    currency = contract.currency or (contract.currency_codes or ("''",))[0]
    rows: list[tuple[str, str, str]] = []
    for column in contract.totals:
        rows += duck.execute(
            f"select {currency}, '{column}', sum({column})::varchar from ({clean}) group by 1 order by 1"
        ).fetchall()
    return tuple(rows)


def _sample(duck: Any, clean: str, contract: Contract) -> tuple[dict[str, Any], ...]:
    names = [*contract.names, "_extra"]
    columns = ", ".join(f"{name}::varchar" for name in names)
    rows = duck.execute(f"select {columns} from ({clean}) order by _row limit 3").fetchall()
    return tuple(dict(zip(names, row, strict=True)) for row in rows)
