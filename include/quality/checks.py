"""What a gate asks of data, said without Great Expectations, whose import takes seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Severity = Literal["critical", "warning"]
"""A critical check that fails stops the line; a warning is recorded and shown."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question about every row of a batch.

    Args:
        says: what holds when it passes, in words; unique in its suite.
        next_step: what to do when it fails.
        severity: whether it stops the line.
    """

    says: str
    next_step: str
    severity: Severity = "critical"


@dataclass(frozen=True, kw_only=True)
class Present(Check):
    """A column has a value in every row."""

    column: str


@dataclass(frozen=True, kw_only=True)
class Among(Check):
    """A column's values, where there are any, are among the given ones."""

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Between(Check):
    """A column's values, where there are any, lie between two bounds, both included."""

    column: str
    least: float | datetime | None = None
    most: float | datetime | None = None


@dataclass(frozen=True, kw_only=True)
class NotAfter(Check):
    """A column's values, where there are any, are at most those of another column of the same row."""

    column: str
    limit: str


@dataclass(frozen=True, kw_only=True)
class Unique(Check):
    """The values of some columns together occur once in the batch."""

    columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class NoRows(Check):
    """A select gives no rows; ``{batch}`` stands for the suite's rows.

    Its columns are what a reader needs to find the row: first the key, then what contradicts.
    """

    query: str


@dataclass(frozen=True)
class Suite:
    """The checks of one batch of rows.

    Args:
        name: feed or mart.
        batch: select that gives the rows; it is run once, into a temporary table.
        key: columns of the batch by which a reader finds a row.
        checks: what is asked.
    """

    name: str
    batch: str
    key: tuple[str, ...]
    checks: tuple[Check, ...]

    def __post_init__(self) -> None:
        """Refuse two checks of one name: their results could not be told apart."""
        names = [check.says for check in self.checks]
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"suite {self.name} has these checks twice: {doubled}")


@dataclass(frozen=True)
class Outcome:
    """What became of one check.

    Args:
        suite: name of the suite.
        check: what was asked.
        passed: whether it held.
        unexpected: how many rows broke it; None where it could not be counted.
        rows: the first rows that broke it, as column to text.
        error: why it could not be judged; such a check has not passed.
    """

    suite: str
    check: Check
    passed: bool
    unexpected: int | None = 0
    rows: Sequence[Mapping[str, str]] = field(default_factory=tuple)
    error: str | None = None

    @property
    def stops(self) -> bool:
        """Whether the line stops at it."""
        return not self.passed and self.check.severity == "critical"
