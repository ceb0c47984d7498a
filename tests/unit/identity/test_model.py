"""A model is pinned by its content, and weighs two records alike whichever comes first."""

import json
import math
from collections.abc import Iterator
from dataclasses import replace

import duckdb
import numpy as np
import pytest

from benchmarks.synthetic import synthetic
from include.identity.candidates import keys_of_one, keys_sql
from include.identity.hubs import find_hubs, suppress
from include.identity.model import (
    Model,
    choose_keys,
    evidence_of,
    frequency_columns,
    present_columns,
    scoring_template,
    train,
)
from include.identity.normalise import COLUMNS, define_macros, normalise
from include.identity.rescore import BAND, learn_correction
from include.identity.score import (
    CONTRADICTED,
    RULED,
    Weights,
    add_frequencies,
    count_frequencies,
    degrees_of,
    weigh,
    weights_sql,
)
from include.identity.store import EVIDENCE as STATED


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    """Normalised records of 3000 made-up statements, hub values suppressed."""
    with duckdb.connect() as connected:
        connected.execute("set threads = 1")
        table = synthetic(3_000, seed=3).drop(["person"])
        connected.register("told", table)
        define_macros(connected)
        columns = [name for name in COLUMNS if name in table.column_names]
        normalise(connected, "told", "records", columns)
        evidence = evidence_of(present_columns(connected, "records"))
        find_hubs(connected, "records", evidence, "hubs")
        suppress(connected, "records", evidence, "hubs")
        yield connected


@pytest.fixture(scope="module")
def model(connection: duckdb.DuckDBPyConnection) -> Model:
    trained = train(connection, "records", "pairs", pairs_per_record=8)
    count_frequencies(connection, "records", trained.evidence, "frequencies")
    add_frequencies(connection, "records", trained.evidence, "frequencies", "weighable")
    return trained


def test_a_model_reads_back_as_it_was(model: Model) -> None:
    again = Model.from_json(json.loads(json.dumps(model.to_json())))
    assert again.version == model.version
    assert again.to_json() == model.to_json()
    assert again.evidence == model.evidence
    assert weights_sql(again, "l", "r", "p") == weights_sql(model, "l", "r", "p")


def test_the_version_is_that_of_the_content(model: Model) -> None:
    settings = json.loads(json.dumps(dict(model.settings)))
    settings["comparisons"][0]["comparison_levels"][1]["m_probability"] *= 0.999
    others = [
        replace(model, settings=settings),
        replace(model, link_weight=model.link_weight + 0.5),
        replace(model, by_rules=True),
        replace(model, rescorer="{}"),
        replace(model, keys=model.keys[:-1]),
        replace(model, household_bonus=model.household_bonus + 0.001),
        replace(model, households={**model.households, "family": [0.0] * 5}),
    ]
    assert len({model.version, *(other.version for other in others)}) == len(others) + 1
    assert replace(model).version == model.version


def test_the_same_records_teach_the_same_model(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    assert train(connection, "records", "pairs_again", pairs_per_record=8).version == model.version


def test_weights_do_not_depend_on_which_record_is_left(
    connection: duckdb.DuckDBPyConnection, model: Model
) -> None:
    connection.execute("create or replace table turned as select uid_r as uid_l, uid_l as uid_r from pairs")
    weigh(connection, model, "weighable", "weighable", "pairs", target="forth")
    weigh(connection, model, "weighable", "weighable", "turned", target="back")
    compared, different = connection.sql("""
        select count(*), count(*) filter (abs(forth.weight - back.weight) > 1e-9)
        from forth inner join back on forth.uid_l = back.uid_r and forth.uid_r = back.uid_l
    """).fetchall()[0]
    assert compared == connection.sql("select count(*) from pairs").fetchall()[0][0] > 3_000
    assert different == 0


@pytest.mark.parametrize(("leniency", "by_rules"), [(0.0, False), (30.0, False), (0.0, True)])
def test_a_pair_weighs_in_memory_what_it_weighs_in_a_database(
    connection: duckdb.DuckDBPyConnection, model: Model, leniency: float, by_rules: bool
) -> None:
    """Splink's weight is its prior and the parts; a household or a contradicting birth date holds it down."""
    share = 1 - 2**-leniency if leniency else model.settings["probability_two_random_records_match"]
    model = replace(
        model,
        by_rules=by_rules,
        household_bonus=model.household_bonus + leniency,
        settings=(learnt := {**model.settings, "probability_two_random_records_match": share}),
        scoring=scoring_template(learnt),
    )
    rows = connection.sql(weights_sql(model, "weighable", "weighable", "pairs", with_parts=True))
    weights, seen = Weights(model), set()
    for row in rows.to_arrow_table().to_pylist():
        degrees = {item.column: row[f"gamma_{item.column}"] for item in model.evidence}
        rarity = {
            column: max(row[f"tf_{column}_l"] or 0, row[f"tf_{column}_r"] or 0)
            for column in frequency_columns(model.evidence)
        }
        weight, parts = weights.of(degrees, rarity)
        assert weight == pytest.approx(row["weight"], abs=1e-9)
        assert math.log2(share / (1 - share)) + sum(parts.values()) == pytest.approx(row["match_weight"])
        seen.add(weight)
    if leniency:
        assert CONTRADICTED in seen, "no pair of these records has birth dates that contradict"
    assert (seen <= {RULED, -RULED, CONTRADICTED} and RULED in seen) == by_rules


def test_trees_correct_a_doubtful_pair_alike_in_memory_and_in_a_database(
    connection: duckdb.DuckDBPyConnection, model: Model
) -> None:
    query = weights_sql(model, "weighable", "weighable", "pairs", with_parts=True)
    parts = connection.sql(f"select * from ({query}) order by uid_l, uid_r").fetchnumpy()
    agrees = np.asarray(parts["gamma_family"]) > 0
    trees = learn_correction(degrees_of(model, parts), np.asarray(parts["weight"]), agrees)
    assert trees is not None
    corrected = replace(model, rescorer=trees)
    weigh(connection, corrected, "weighable", "weighable", "pairs", target="corrected")
    told = connection.sql(f"""
        select corrected.weight as corrected_weight, parts.*
        from corrected inner join ({query}) as parts using (uid_l, uid_r)
    """)
    weights, moved, total = Weights(corrected), 0, 0
    for row in told.to_arrow_table().to_pylist():
        degrees = {item.column: row[f"gamma_{item.column}"] for item in model.evidence}
        rarity = {
            column: max(row[f"tf_{column}_l"] or 0, row[f"tf_{column}_r"] or 0)
            for column in frequency_columns(model.evidence)
        }
        assert weights.of(degrees, rarity)[0] == pytest.approx(row["corrected_weight"], abs=1e-4)
        is_moved = row["corrected_weight"] != row["weight"]
        assert abs(row["weight"] - model.link_weight) <= BAND or not is_moved
        moved, total = moved + is_moved, total + 1
    assert 100 < moved < total


def test_one_record_has_the_keys_that_it_has_among_many(
    connection: duckdb.DuckDBPyConnection, model: Model
) -> None:
    columns = ["tenant", *STATED]
    among: dict[int, set[int]] = {}
    for uid, key in connection.sql(f"select uid, key from ({keys_sql('records', model.keys)})").fetchall():
        among.setdefault(uid, set()).add(key)
    for uid, *values in connection.sql(f"select uid, {', '.join(columns)} from records limit 40").fetchall():
        found = connection.execute(keys_of_one(columns, model.keys), values).fetchall()
        assert {key for (key,) in found} == among[uid]


def test_a_value_never_counted_is_as_rare_as_the_rarest(
    connection: duckdb.DuckDBPyConnection, model: Model
) -> None:
    connection.execute("""
        create or replace table strange as
        select * replace ('zzyzx' as family) from records where family is not null limit 1
    """)
    add_frequencies(connection, "strange", model.evidence, "frequencies", "strange_weighable")
    (told,) = connection.sql("select tf_family from strange_weighable").fetchall()[0]
    (least,) = connection.sql(
        "select min(frequency) from frequencies where column_name = 'family'"
    ).fetchall()[0]
    assert told == least > 0


def test_kinds_of_keys_stay_within_their_budget(connection: duckdb.DuckDBPyConnection) -> None:
    columns = present_columns(connection, "records")
    few, many = (choose_keys(connection, "records", columns, (), budget) for budget in (0, 100_000))
    assert set(few) == {("card",), ("email",), ("phone",)}
    assert len(many) > len(few)


def test_columns_that_few_state_or_all_alike_are_not_compared(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("""
        create or replace table thin as
        select * replace (case when uid <= 30 then card end as card, 'vic' as state) from records
    """)
    assert {"card", "state"} <= set(present_columns(connection, "records"))
    assert {"card", "state"}.isdisjoint(present_columns(connection, "thin"))
