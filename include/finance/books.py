"""A person's word in a book: held to what the book allows, named by what it says, and landed."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from include.feeds.decision import land_decision
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
