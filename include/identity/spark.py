"""Find and weigh candidate pairs on Spark: DuckDB's model, keys and SQL, translated, through Splink's API.

Records are normalised and models trained by DuckDB; Spark does what grows with the number of pairs. Its
results are those of DuckDB, pair by pair, so the weighed links can be collected and clustered as always.
"""

import uuid
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from include.identity.candidates import BLOCK_LIMIT, hashed
from include.identity.model import Model
from include.identity.score import frequencies_sql, weights_sql

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_FUNCTIONS = ("jaro_sim", "jaro_winkler", "damerau_levenshtein")
"""What Splink's jar brings; the Levenshtein distance is Spark's own."""

_JARO_SLACK = 0.0556
"""How far the jar's Jaro similarity stays below DuckDB's at most: it counts half of an odd transposition,
which takes three shared letters at least, so by 1/2 of 1/3 of 1/3."""

_JARO_WINKLER = """
    element_at(transform(
        array(struct({left} as l, {right} as r)),
        t -> element_at(transform(
            array(aggregate(
                sequence(1, length(t.r)),
                struct(t.l as rest, '' as shared, greatest(length(t.l), length(t.r)) div 2 - 1 as reach),
                (s, i) -> element_at(transform(
                    array(locate(substr(t.r, i, 1), s.rest, greatest(1, i - greatest(s.reach, 0)))),
                    p -> if(
                        p between 1 and i + greatest(s.reach, 0),
                        struct(
                            concat(substr(s.rest, 1, p - 1), 'Ā', substr(s.rest, p + 1)) as rest,
                            concat(s.shared, substr(t.r, i, 1)) as shared,
                            s.reach as reach
                        ),
                        s
                    )
                ), 1)
            )),
            s -> element_at(transform(
                array(if(s.shared = '', cast(0 as double), (
                    cast(length(s.shared) as double) / length(t.l)
                    + cast(length(s.shared) as double) / length(t.r)
                    + cast(length(s.shared) - size(filter(
                        zip_with(
                            filter(sequence(1, length(t.l)), i -> substr(s.rest, i, 1) = 'Ā'),
                            sequence(1, length(s.shared)),
                            (i, k) -> substr(t.l, i, 1) <> substr(s.shared, k, 1)
                        ),
                        is_moved -> is_moved
                    )) div 2 as double) / length(s.shared)
                ) / cast(3 as double))),
                jaro -> if(
                    jaro > cast(0.7 as double),
                    jaro + cast(0.1 as double) * (cast(1 as double) - jaro) * size(filter(
                        sequence(1, 4),
                        n -> length(t.l) >= n and length(t.r) >= n and substr(t.l, 1, n) = substr(t.r, 1, n)
                    )),
                    jaro
                )
            ), 1)
        ), 1)
    ), 1)
"""
"""Jaro-Winkler similarity of two texts of single bytes as DuckDB counts it: half a transposition is none.

Letters of the right text look for their like within reach in the left one, where ``Ā``, which is no byte,
stands for what is taken.
"""

_HAMMING = "size(filter(sequence(1, length({left})), i -> substr({left}, i, 1) <> substr({right}, i, 1)))"


def find_pairs_on_spark(spark: "SparkSession", model: Model, records: "DataFrame") -> "DataFrame":
    """Find the pairs of records that share a block key of the model, as ``find_pairs`` does in DuckDB.

    Args:
        spark: session that has Splink's jar.
        model: trained model.
        records: normalised records, hub values suppressed.

    Returns:
        Pairs ``uid_l`` below ``uid_r``, and ``kinds``, the kinds of keys that they share as bits.

    Raises:
        ValueError: the session lacks Splink's jar.
    """
    keys = ", ".join(
        to_spark(f"case when {stated} then xxhash64({told}) end") for told, stated in map(hashed, model.keys)
    )
    return _run(
        spark,
        [records],
        lambda table: (
            f"""
        with keys as (
            select uid, kind, key
            from {table} lateral view posexplode(array({keys})) as kind, key
            where key is not null
        ),
        used as (
            select kind, key from keys group by kind, key having count(*) between 2 and {BLOCK_LIMIT}
        ),
        blocks as (
            select k.kind, sort_array(collect_list(k.uid)) as uids
            from keys as k inner join used as u on k.kind = u.kind and k.key = u.key
            group by k.kind, k.key
        ),
        firsts as (
            select kind, uids, place, uid_l from blocks lateral view posexplode(uids) as place, uid_l
        ),
        paired as (
            select kind, uid_l, uid_r from firsts
            lateral view explode(slice(uids, place + 2, {BLOCK_LIMIT})) as uid_r
        )
        select uid_l, uid_r, bit_or(shiftleft(cast(1 as bigint), kind)) as kinds
        from paired group by uid_l, uid_r
        """
        ),
    )


def weigh_on_spark(
    spark: "SparkSession",
    model: Model,
    records: "DataFrame",
    frequencies: "DataFrame",
    pairs: "DataFrame | None" = None,
) -> "DataFrame":
    """Weigh pairs of records by a model, as ``weigh`` does in DuckDB.

    Args:
        spark: session that has Splink's jar.
        model: trained model.
        records: normalised records, hub values suppressed.
        frequencies: term frequencies, as ``count_frequencies`` counts them.
        pairs: pairs ``uid_l``, ``uid_r``; the model's candidates when left out.

    Returns:
        ``uid_l``, ``uid_r``, ``weight`` (log2 of the odds), computed when it is asked for.

    Raises:
        ValueError: the session lacks Splink's jar, or the model has trees that correct it.
    """
    if model.rescorer is not None:
        raise ValueError("Spark weighs without a model's trees; give replace(model, rescorer=None)")
    if pairs is None:
        pairs = find_pairs_on_spark(spark, model, records)
    weighable = _run(
        spark,
        [records, frequencies],
        lambda table, counted: to_spark(frequencies_sql(table, model.evidence, counted)),
    )
    return _run(
        spark,
        [weighable, pairs],
        lambda table, chosen: to_spark(weights_sql(model, table, table, chosen)),
    )


def to_spark(sql: str) -> str:
    """Translate a query or an expression of the matcher from DuckDB's SQL to Spark's, with equal results.

    DuckDB compares texts byte by byte, so Spark is given each byte as one letter.
    """
    return sqlglot.parse_one(sql, read="duckdb").transform(_translated).sql("spark")


def _translated(node: exp.Expr) -> exp.Expr:
    """Return Spark's form of an expression that DuckDB has under another name, or in another way."""
    if isinstance(node, exp.GTE) and isinstance(node.this, exp.JarowinklerSimilarity):
        left, right = _bytes(node.this.this), _bytes(node.this.expression)
        return _spark(_jaro_winkler_from(left, right, float(node.expression.name)))
    if isinstance(node, exp.JarowinklerSimilarity):
        raise ValueError(f"no form for Spark of {node.sql('duckdb')}; compare it as '... >= number'")
    if isinstance(node, exp.Levenshtein):
        return _spark(f"levenshtein({_bytes(node.this)}, {_bytes(node.expression)})")
    if isinstance(node, exp.Anonymous) and node.name.lower() in ("hamming", "damerau_levenshtein"):
        left, right = (_bytes(operand) for operand in node.expressions)
        if node.name.lower() == "hamming":
            return _spark(_HAMMING.format(left=left, right=right))
        return _spark(f"damerau_levenshtein({left}, {right})")
    if isinstance(node, exp.Anonymous) and node.name.lower() == "strlen":
        return _spark(f"octet_length({node.expressions[0].sql('spark')})")
    if isinstance(node, exp.Sub) and all(
        isinstance(side, exp.Cast) and side.to.is_type("date") for side in (node.this, node.expression)
    ):
        return _spark(f"datediff({node.this.sql('spark')}, {node.expression.sql('spark')})")
    return node


def _jaro_winkler_from(left: str, right: str, least: float) -> str:
    """Return the condition that two texts are this much alike; only close to the limit is it counted out."""
    exact = _JARO_WINKLER.format(left=left, right=right)
    return (
        f"(case when jaro_winkler({left}, {right}) >= {least} then true"
        f" when 1 - (1 - jaro_sim({left}, {right}) - {_JARO_SLACK})"
        f" * if(substr({left}, 1, 1) = substr({right}, 1, 1), 0.6, 1) < {least} then false"
        f" else {exact} >= {least} end)"
    )


def _bytes(text: exp.Expr) -> str:
    return f"decode(encode({text.sql('spark')}, 'utf-8'), 'iso-8859-1')"


def _spark(sql: str) -> exp.Expr:
    return sqlglot.parse_one(sql, read="spark")


def _run(spark: "SparkSession", frames: Sequence["DataFrame"], sql: Callable[..., str]) -> "DataFrame":
    """Run a query, given the names of tables, through Splink's API."""
    from splink.backends.spark import SparkAPI

    api = SparkAPI(spark_session=spark)  # type: ignore[no-untyped-call]
    missing = [name for name in _FUNCTIONS if not spark.catalog.functionExists(name)]
    if missing:
        raise ValueError(
            f"the Spark session has no function {' and '.join(missing)}; start it with spark.jars set to the"
            " file that splink.backends.spark.similarity_jar_location() names"
        )
    names = [f"sokol_{uuid.uuid4().hex}" for _ in frames]
    for name, frame in zip(names, frames, strict=True):
        api.register(frame, table_name=name)
    found: Any = api.query_sql(sql(*names))
    result: DataFrame = found.as_spark_dataframe()
    for name in (*names, found.physical_name):
        spark.catalog.dropTempView(name)  # the result keeps what it reads
    return result
