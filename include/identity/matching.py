"""Match records in memory: normalise, suppress hubs, learn, find candidates, weigh, cluster."""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa

from include.identity.candidates import find_pairs
from include.identity.cluster import Floats, Ints, Pairs, Rules, cluster
from include.identity.hubs import find_hubs, suppress
from include.identity.model import Model, evidence_of, present_columns, train
from include.identity.normalise import COLUMNS, define_macros, normalise
from include.identity.score import add_frequencies, count_frequencies, weigh


@dataclass(frozen=True)
class Matching:
    """What a match found.

    ``clusters`` has ``record_id`` and ``customer_id``; ``pairs``, all that were weighed, and ``refused``, the
    links that did not join their records, have ``left_id``, ``right_id`` and ``match_weight``.
    """

    clusters: pa.Table
    pairs: pa.Table
    refused: pa.Table
    model: Model


def match_records(
    table: pa.Table,
    extra_columns: Sequence[str] = (),
    *,
    model: Model | None = None,
    country: str | None = None,
    threads: int | None = None,
) -> Matching:
    """Find which records are one person's.

    Args:
        table: records: ``record_id`` (unique) and any of :data:`include.identity.normalise.COLUMNS`, as text.
        extra_columns: further columns of the table to compare.
        model: trained model; one is learnt from the records when left out.
        country: region (two letters) whose phone numbers records without a country hold.
        threads: of DuckDB; as many as there are cores when left out.

    Returns:
        One customer per group of records, named by the first ``record_id`` in it; all weighed pairs.

    Raises:
        ValueError: ``record_id`` is missing, empty or repeated, or there is nothing to compare.
    """
    _check(table, extra_columns)
    connection = duckdb.connect()
    if threads:
        connection.execute(f"set threads = {threads}")
    connection.execute("set preserve_insertion_order = false")
    connection.register("given", table)
    define_macros(connection)
    columns = [column for column in COLUMNS if column in table.column_names]
    normalise(connection, "given", "records", columns, extra_columns, country=country)
    everything = evidence_of(present_columns(connection, "records"), extra_columns)
    find_hubs(connection, "records", everything, "hubs")
    suppress(connection, "records", everything, "hubs")
    if model is None:
        model = train(connection, "records", "pairs", extra_columns)
    else:
        find_pairs(connection, "records", model.keys, "pairs")
    count_frequencies(connection, "records", model.evidence, "frequencies")
    add_frequencies(connection, "records", model.evidence, "frequencies", "weighable")
    weigh(connection, model, "weighable", "weighable", "pairs", target="weighed")
    scored = connection.sql("select uid_l, uid_r, weight from weighed").to_arrow_table()
    pairs = Pairs(
        scored["uid_l"].to_numpy().astype(np.int64) - 1,
        scored["uid_r"].to_numpy().astype(np.int64) - 1,
        scored["weight"].to_numpy(),
    )

    def score_missing(left: Ints, right: Ints) -> Floats:
        connection.register("missing_pairs", pa.table({"uid_l": left + 1, "uid_r": right + 1}))
        weigh(connection, model, "weighable", "weighable", "missing_pairs", target="weighed_missing")
        told = connection.sql("select uid_l, uid_r, weight from weighed_missing").to_arrow_table()
        code = told["uid_l"].to_numpy().astype(np.int64) * (table.num_rows + 1) + told["uid_r"].to_numpy()
        order = np.argsort(code)
        found = np.searchsorted(code, (left + 1) * (table.num_rows + 1) + right + 1, sorter=order)
        return np.asarray(told["weight"].to_numpy()[order[found]])

    groups, refused = cluster(table.num_rows, pairs, model.link_weight, score_missing, Rules())
    names = connection.sql("select record_id from records order by uid").to_arrow_table()["record_id"]
    return Matching(
        clusters=pa.table({"record_id": names, "customer_id": names.take(pa.array(groups))}),
        pairs=_named(names, pairs),
        refused=_named(names, refused),
        model=model,
    )


def _named(names: pa.ChunkedArray, pairs: Pairs) -> pa.Table:
    return pa.table(
        {
            "left_id": names.take(pa.array(pairs.left)),
            "right_id": names.take(pa.array(pairs.right)),
            "match_weight": pairs.weight,
        }
    )


def _check(table: pa.Table, extra_columns: Sequence[str]) -> None:
    if "record_id" not in table.column_names:
        raise ValueError(f"the records have no column record_id; they have {table.column_names}")
    missing = [column for column in extra_columns if column not in table.column_names]
    if missing:
        raise ValueError(f"the records have no columns {missing}; they have {table.column_names}")
    if not set(table.column_names).intersection(COLUMNS[3:]) and not extra_columns:
        raise ValueError(
            f"the records have none of the columns that can be compared: {', '.join(COLUMNS[3:])}"
        )
    ids = table["record_id"]
    if ids.null_count or len(ids.unique()) != len(ids):
        raise ValueError("record_id must be stated and different in every record")
