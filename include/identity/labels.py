"""How right a model is by operators' verdicts on pairs drawn at random, and which model that lets decide."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import duckdb
import numpy as np

from include.identity import store
from include.identity.candidates import BLOCK_LIMIT
from include.identity.model import LINK_WEIGHT, Model
from include.identity.overrides import Link, Verdict, override_all
from include.identity.rescore import learn_correction
from include.identity.score import degrees_of, weigh, weights_sql
from include.settings import Settings, get_settings
from include.warehouse import Warehouse, connect

FEW_LABELS = 50
"""Labelled pairs below which they judge no model."""

GOOD_ACCURACY = 0.93
"""Accuracy under which a model is rolled back to a better one."""

RULES_BELOW = 0.90
"""Accuracy under which no model decides, but the rules alone."""

_HEAD = ("tenant_id", "left", "right", "link")


@dataclass(frozen=True)
class Accuracy:
    """Counts of labelled pairs: how many are the same person's, called the same, and rightly so."""

    labels: int
    same: int
    called: int
    both: int

    @property
    def accuracy(self) -> float | None:
        """Share of the labelled pairs that are decided rightly; None without any."""
        wrong = self.same + self.called - 2 * self.both
        return (self.labels - wrong) / self.labels if self.labels else None

    @property
    def precision(self) -> float | None:
        """Share of the pairs called the same that are; None when none is called so."""
        return self.both / self.called if self.called else None

    @property
    def recall(self) -> float | None:
        """Share of the same persons' pairs that are called so; None without any."""
        return self.both / self.same if self.same else None

    def __add__(self, other: "Accuracy") -> "Accuracy":
        return Accuracy(
            self.labels + other.labels,
            self.same + other.same,
            self.called + other.called,
            self.both + other.both,
        )


NOTHING = Accuracy(0, 0, 0, 0)


def pull_verdicts(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, folder: Path, table: str, *, is_drawn: bool
) -> int:
    """Create a table of verdicts: ``tenant_id``, both records' ids and ``link``; return how many there are.

    ``is_drawn`` asks for those on drawn pairs, which measure; the others, of which some are on doubtful pairs
    from the review queue, teach.
    """
    return store.pull(
        warehouse,
        connection,
        folder,
        "select tenant_id, link,"
        " tenant_id || '/' || identity.record_name(left_source, left_type, left_id) as left_record,"
        " tenant_id || '/' || identity.record_name(right_source, right_type, right_id) as right_record"
        " from raw.identity_overrides"
        f" where is_active and not _deleted and coalesce(is_drawn, false) = {is_drawn}",
        table,
    )


def taught(connection: duckdb.DuckDBPyConnection, model: Model, verdicts: str, records: str) -> Model:
    """Return the model with trees that correct it, where the verdicts that measure nothing teach some."""
    _judge(connection, verdicts, records)
    query = weights_sql(model, records, records, "_judged", with_parts=True)
    told = connection.sql(
        f"select * from ({query}) as weighed inner join _judged using (uid_l, uid_r) order by uid_l, uid_r"
    ).fetchnumpy()
    is_same = np.asarray(told["is_same"], dtype=np.bool_)
    trees = learn_correction(degrees_of(model, told), np.asarray(told["weight"]), is_same)
    return replace(model, rescorer=trees)


def _judge(connection: duckdb.DuckDBPyConnection, verdicts: str, records: str) -> None:
    """Create ``_judged``: the pairs of the verdicts of which both records are there."""
    connection.execute(f"""
        create or replace temp table _judged as
        select l.uid as uid_l, r.uid as uid_r, verdicts.tenant_id, verdicts.link = 'same' as is_same
        from {verdicts} as verdicts
        inner join {records} as l on verdicts.left_record = l.record_id
        inner join {records} as r on verdicts.right_record = r.record_id
    """)


def measure(connection: duckdb.DuckDBPyConnection, model: Model, records: str) -> dict[str, Accuracy]:
    """Return per tenant how right the model is on the table ``labels``, left to itself.

    Args:
        connection: where the labels are.
        model: what weighs them.
        records: relation of ``uid``, ``record_id``, the model's columns and their ``tf_`` frequencies; a pair
            of which it lacks a record is left out.
    """
    _judge(connection, "labels", records)
    weigh(connection, model, records, records, "_judged", target="_weighed_labels")
    rows = connection.execute(f"""
        select tenant_id, count(*), count(*) filter (is_same), count(*) filter (is_called),
            count(*) filter (is_same and is_called)
        from (
            select *, weight >= {model.link_weight} as is_called
            from _judged inner join _weighed_labels using (uid_l, uid_r)
        )
        group by tenant_id
    """).fetchall()
    return {tenant: Accuracy(*counts) for tenant, *counts in rows}


def choose(contenders: Sequence[tuple[Model, Accuracy]], *, is_new: bool) -> Model:
    """Return the model that the labels let decide.

    The first decides while it is good, or while labels are few; a new one takes the second's place unless
    that is more accurate. Else the most accurate decides; and when that one is not accurate enough either,
    the rules, over its block keys.

    Args:
        contenders: models and how right they are, the preferred first.
        is_new: whether the first was learnt just now, to replace the second.
    """
    if contenders[0][1].labels < FEW_LABELS:
        return contenders[0][0]
    if is_new and len(contenders) > 1 and _rate(contenders[1]) > _rate(contenders[0]):
        contenders = contenders[1:]
    best = contenders[0]
    if _rate(best) < GOOD_ACCURACY:
        best = max(contenders, key=_rate)
    if _rate(best) >= RULES_BELOW:
        return best[0]
    return replace(best[0], by_rules=True, link_weight=LINK_WEIGHT)


def _rate(contender: tuple[Model, Accuracy]) -> float:
    return contender[1].accuracy or 0.0


def draw(tenant_id: str, pairs: int, path: Path, *, seed: int = 0, settings: Settings | None = None) -> int:
    """Write a file of pairs drawn at random for operators to judge; return how many there are.

    Half of them are linked, half share a block key and are not. An operator fills the column ``link`` with
    ``same`` or ``different``; :func:`take_verdicts` lands that.

    Raises:
        ValueError: the tenant has no pairs.
    """
    sides = [f"{side[0]}.{column}" for column in store.EVIDENCE for side in ("left", "right")]
    with connect("loader", settings or get_settings()) as warehouse:
        rows = warehouse.rows(
            f"""
            with linked as (
                select l.left_no, l.right_no
                from identity.links as l inner join identity.records as r on l.left_no = r.record_no
                where r.tenant_id = %(tenant)s
                order by hashint8extended(l.left_no, %(seed)s), l.right_no limit %(linked)s
            ),
            chosen as (
                select record_no from identity.records
                where tenant_id = %(tenant)s
                order by hashint8extended(record_no, %(seed)s) limit 20 * %(others)s
            ),
            blocks as (
                select key, array_agg(record_no) as record_nos
                from identity.block_keys
                where key = any(array(
                    select key from identity.block_keys
                    where record_no = any(array(select record_no from chosen))
                ))
                group by key having count(*) between 2 and {BLOCK_LIMIT}
            ),
            others as (
                select distinct
                    least(chosen.record_no, mate) as left_no, greatest(chosen.record_no, mate) as right_no
                from blocks
                cross join lateral unnest(blocks.record_nos) as mate
                inner join chosen on chosen.record_no = any(blocks.record_nos) and chosen.record_no <> mate
                except
                select left_no, right_no from identity.links
            ),
            drawn as (
                table linked
                union all
                (
                    select left_no, right_no from others
                    order by hashint8extended(left_no, %(seed)s), hashint8extended(right_no, %(seed)s)
                    limit %(others)s
                )
            )
            select %(tenant)s, l.record_name, r.record_name, '', {", ".join(sides)}
            from drawn
            inner join identity.records as l on drawn.left_no = l.record_no
            inner join identity.records as r on drawn.right_no = r.record_no
            order by hashint8extended(drawn.left_no, %(seed)s + 1)
            """,
            {"tenant": tenant_id, "seed": seed, "linked": pairs - pairs // 2, "others": pairs // 2},
        )
    if not rows:
        raise ValueError(f"tenant {tenant_id!r} has no pairs of records; run the matcher first")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        head = [f"{column}_{side}" for column in store.EVIDENCE for side in ("left", "right")]
        writer.writerows([[*_HEAD, *head], *rows])
    return len(rows)


def take_verdicts(path: Path, *, decided_by: str, settings: Settings | None = None) -> int:
    """Land the verdicts of a drawn file as overrides that measure; return how many. Lines without one wait.

    Raises:
        ValueError: the file has no such columns, or a line says neither ``same`` nor ``different``.
        UnknownRecordError: a record is not there any more.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if missing := set(_HEAD) - set(reader.fieldnames or ()):
            raise ValueError(f"{path} has no column {', '.join(sorted(missing))}; `draw` writes such a file")
        rows = [(number, row) for number, row in enumerate(reader, start=2) if (row["link"] or "").strip()]
    verdicts, reason = [], f"drawn at random in {path.name}"
    lines: dict[tuple[str, frozenset[str]], int] = {}
    for number, row in rows:
        first = lines.setdefault((row["tenant_id"], frozenset((row["left"], row["right"]))), number)
        if first != number:
            raise ValueError(
                f"{path}, line {number}: line {first} is of the same two records; keep one of them"
            )
        link = row["link"].strip().lower()
        if link not in ("same", "different"):
            raise ValueError(f"{path}, line {number}: link is {row['link']!r}; write same or different")
        verdicts.append(
            Verdict(row["tenant_id"], row["left"], row["right"], cast("Link", link), reason, decided_by, True)
        )
    override_all(verdicts, settings=settings)
    return len(verdicts)
