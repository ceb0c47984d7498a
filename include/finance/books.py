"""Writing in a book: a person's word, held to what the book allows, or rows that stand all or none."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from include.feeds.decision import DecisionError, land_decision
from include.settings import Settings
from include.warehouse import Warehouse, load_contracts


def allowed(book: str, column: str) -> tuple[str, ...]:
    """Return the values that a book allows in one of its columns."""
    return load_contracts()[book].column(column).values


def check(book: str, what: str, **said: str) -> None:
    """Refuse what the book does not know, and what is left blank.

    Args:
        book: name of the book.
        what: what an entry of it is called, with its article.
        said: values by column.

    Raises:
        ValueError: a value is none of those that the book allows, or blank.
    """
    for name, value in said.items():
        if (known := allowed(book, name)) and value not in known:
            raise ValueError(f"{name} {value!r} is none of {', '.join(known)}")
        if not value.strip():
            raise ValueError(f"{what} needs {name}: who says so and why stands in the book for ever")


def append(
    warehouse: Warehouse,
    book: str,
    tenant_id: str,
    row: Mapping[str, Any],
    *,
    source: str,
    at: datetime | None,
    settings: Settings,
) -> str:
    """Land and load an entry of a book, and return its id, a hash of what it says.

    Args:
        warehouse: the loader's connection.
        book: name of the book; the second column of its key is the id.
        tenant_id: whose book.
        row: values by column, but for the id and the time.
        source: part of the code that writes the book, one for all its entries.
        at: when it was said (aware), now when left out; the same words of one instant are one entry.
        settings: where the landing zone is.

    Raises:
        DecisionError: the loader refused the entry; the message says why.
    """
    contract = load_contracts()[book]
    _, name_of_id = contract.key
    at = (at or datetime.now(UTC)).astimezone(UTC)
    said = {**row, str(contract.event_time): at.isoformat()}
    digest = hashlib.sha256(json.dumps([tenant_id, said], sort_keys=True).encode()).hexdigest()[:16]
    line = json.dumps({name_of_id: digest, **said}, ensure_ascii=False, sort_keys=True)
    name = f"{name_of_id.removesuffix('_id')}-{digest}.jsonl"
    land_decision(
        warehouse, book, tenant_id, line.encode(), source=source, name=name, at=at, settings=settings
    )
    return digest


def append_rows(
    warehouse: Warehouse,
    book: str,
    tenant_id: str,
    rows: pa.Table,
    *,
    what: str,
    source: str,
    at: datetime,
    settings: Settings,
) -> None:
    """Land rows of a book as one file, named by their ids, and load it: all of them stand then, or none.

    Args:
        warehouse: the loader's connection, in no transaction.
        book: name of the book; the second column of its key is the id.
        tenant_id: whose book.
        rows: columns as in the book's contract, but for the tenant.
        what: what they are, for the file's name.
        source: part of the code that writes the book, one for all its entries.
        at: when they are entered (aware).
        settings: where the landing zone is.

    Raises:
        DecisionError: the loader refused a row, or one contradicts a row that stands.
    """
    if not rows.num_rows:
        return
    _, name_of_id = load_contracts()[book].key
    digest = hashlib.sha256("\n".join(sorted(rows[name_of_id].to_pylist())).encode()).hexdigest()[:16]
    with tempfile.TemporaryDirectory(prefix="sokol-book-") as folder:
        path = Path(folder) / "rows.parquet"
        pq.write_table(rows, path)
        with warehouse.transaction():
            name = f"{what}-{digest}.parquet"
            landed = land_decision(
                warehouse, book, tenant_id, path, source=source, name=name, at=at, settings=settings
            )
            if landed.rows_conflicting:
                raise DecisionError(
                    f"{book} of tenant {tenant_id}, file {landed.path}: {landed.rows_conflicting} rows"
                    " contradict rows that stand, so none is entered; look at the file with"
                    " `python -m include.feeds check`"
                )
