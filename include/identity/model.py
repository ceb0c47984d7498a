"""The model that weighs two records' agreement: Splink's, learnt without labels, pinned by its version."""

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
from splink import SettingsCreator
from splink.internals.dialects import SplinkDialect
from splink.internals.pipeline import CTEPipeline
from splink.internals.predict import predict_from_comparison_vectors_sqls
from splink.internals.settings import Settings

from include.identity.candidates import BLOCK_LIMIT, count_pairs, find_pairs
from include.identity.evidence import FURTHER_KEYS, KEYS, OWN_KEYS, STANDARD, Evidence, further, part_columns
from include.identity.learn import Learnt, Patterns, learn

LINK_WEIGHT = 3.0
"""Match weight (log2 of the odds) from which two records are linked: odds of 8 to 1."""

CHANCE_RECORDS = 1_000
"""Records among whose pairs agreement by chance is counted."""

LEARNING_PAIRS = 300_000
"""Candidate pairs of which the parameters are learnt."""

SAMPLE_RECORDS = 200_000
"""Records on which it is estimated how many pairs a kind of key brings."""

MOST_KINDS = 60
"""Kinds of block keys that are used at most: which of them a pair shares is kept as bits of one integer."""

DIALECT = "duckdb"

_PRESENT = 0.02
"""Share of records that must state a column for it to be compared."""


@dataclass(frozen=True)
class Model:
    """A trained model: Splink's settings, kinds of block keys, and what it compares.

    ``scoring`` is the SQL that Splink makes of the settings: pinned with them, so that another release of
    Splink weighs no pair otherwise, and because it takes half a second to make.
    ``households`` gives per kind of evidence and degree, 0 (different) first, how far it tells a person from
    another of the household (log2 of the odds), ``household_bonus`` how far it is known before.
    ``version`` is the hash of its content: runs that name the same version weigh alike.
    """

    settings: Mapping[str, Any]
    scoring: str
    columns: tuple[str, ...]
    further: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]
    households: Mapping[str, Sequence[float]]
    household_bonus: float
    link_weight: float = LINK_WEIGHT
    by_rules: bool = False
    """Whether the rules alone decide, because the labels gave no model leave to."""
    rescorer: str | None = None
    """Trees that correct the weight of doubtful pairs (:mod:`include.identity.rescore`), if any."""

    @cached_property
    def version(self) -> str:
        """Twelve hex digits of the model's content."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:12]

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The kinds of evidence that the model compares."""
        return evidence_of(self.columns, self.further)

    def to_json(self) -> dict[str, Any]:
        """Return the model as JSON, as :meth:`from_json` reads it."""
        return {
            "settings": dict(self.settings),
            "scoring": self.scoring,
            "columns": list(self.columns),
            "further": list(self.further),
            "keys": [list(key) for key in self.keys],
            "link_weight": self.link_weight,
            "households": {name: list(weights) for name, weights in self.households.items()},
            "household_bonus": self.household_bonus,
            "by_rules": self.by_rules,
            "rescorer": self.rescorer,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "Model":
        """Read a model back."""
        return cls(
            settings=content["settings"],
            scoring=content["scoring"],
            columns=tuple(content["columns"]),
            further=tuple(content["further"]),
            keys=tuple(tuple(key) for key in content["keys"]),
            link_weight=content["link_weight"],
            households=content["households"],
            household_bonus=content["household_bonus"],
            by_rules=content["by_rules"],
            rescorer=content["rescorer"],
        )


def evidence_of(columns: Iterable[str], extra: Iterable[str] = ()) -> tuple[Evidence, ...]:
    """Return the evidence of normalised columns, in the order in which it is compared."""
    wanted = set(columns)
    return (*(e for e in STANDARD if e.column in wanted), *(further(column) for column in extra))


def frequency_columns(evidence: Sequence[Evidence]) -> list[str]:
    """Return the columns whose values' frequencies adjust the weight of their agreement."""
    return [item.column for item in evidence if item.has_frequency]


def present_columns(connection: duckdb.DuckDBPyConnection, table: str) -> tuple[str, ...]:
    """Return the standard columns that enough records state, and not all alike, to be compared."""
    names = [item.column for item in STANDARD]
    counts = connection.execute(
        f"select count(*), {', '.join(f'count({name}), count(distinct {name})' for name in names)}"
        f" from {table}"
    ).fetchall()[0]
    rows = counts[0]
    told = zip(names, counts[1::2], counts[2::2], strict=True)
    return tuple(name for name, stated, different in told if different > 1 and stated >= _PRESENT * rows)


def train(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    pairs: str,
    extra: Sequence[str] = (),
    *,
    pairs_per_record: float | None = None,
) -> Model:
    """Learn a model from normalised records alone, without labels.

    Args:
        connection: where the table is.
        table: normalised records, hub values already suppressed.
        pairs: table of candidate pairs to create, by the keys that are chosen.
        extra: columns beside the standard ones that are compared.
        pairs_per_record: how many candidates a record may have on average; by the number of records when
            left out.

    Raises:
        ValueError: no column is stated by enough records and differently.
    """
    columns = present_columns(connection, table)
    evidence = evidence_of(columns, extra)
    if not evidence:
        raise ValueError(
            f"there is nothing to compare: no column of {table} is stated in two ways by enough records;"
            f" give a trained model, or more records with {', '.join(item.column for item in STANDARD)}"
        )
    (rows,) = connection.execute(f"select count(*) from {table}").fetchall()[0]
    if pairs_per_record is None:
        pairs_per_record = min(40.0, max(3.5, 1_500_000 / rows))
    keys = choose_keys(connection, table, columns, extra, rows * pairs_per_record)
    find_pairs(connection, table, keys, pairs)
    learnt = _learn(connection, table, evidence, keys, pairs=pairs, rows=rows)
    settings = _untrained(evidence, with_frequencies=True)
    _fill(settings, learnt)
    return Model(
        settings=settings,
        scoring=scoring_template(settings),
        columns=columns,
        further=tuple(extra),
        keys=keys,
        households=_household_weights(evidence, learnt),
        household_bonus=round(min(max(math.log2(learnt.household_odds), -3.0), 10.0), 3),
    )


def _learn(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    evidence: Sequence[Evidence],
    keys: Sequence[tuple[str, ...]],
    *,
    pairs: str,
    rows: int,
) -> Learnt:
    """Count patterns of agreement among random pairs, per kind of key and among all candidates, and learn."""
    names = [item.column for item in evidence]
    settings = _untrained(evidence, with_frequencies=False)

    def patterns(sample: str, scale: float = 1.0) -> tuple[Patterns, npt.NDArray[np.int64]]:
        degrees = ", ".join(f'"gamma_{name}"' for name in names)
        found = connection.sql(f"""
            select {degrees}, kinds, count(*) as pairs
            from ({vectors_sql(settings, table, table, sample)}) as vectors
            inner join {sample} as sample using (uid_l, uid_r)
            group by all order by all
        """).fetchnumpy()
        counts = np.asarray(found["pairs"], dtype=np.float64)
        told = [np.asarray(found[f"gamma_{name}"], dtype=np.int64) for name in names]
        stacked = np.column_stack(told) if len(counts) else np.zeros((0, len(names)), np.int64)
        return Patterns(stacked, counts * scale), np.asarray(found["kinds"], dtype=np.int64)

    connection.execute(f"""
        create or replace temporary table _random as
        with chosen as (select uid from {table} order by hash(uid) limit {CHANCE_RECORDS})
        select l.uid as uid_l, r.uid as uid_r, 0 as kinds
        from chosen as l inner join chosen as r on l.uid < r.uid
    """)
    chance, _ = patterns("_random")
    connection.execute("drop table _random")
    (found,) = connection.execute(f"select count(*) from {pairs}").fetchall()[0]
    every = max(1, round(found / LEARNING_PAIRS))
    connection.execute(f"""
        create or replace temporary table _learnt as
        select uid_l, uid_r, kinds from {pairs} where hash(uid_l, uid_r) % {every} = 0
    """)
    candidates, kinds = patterns("_learnt", every)
    sessions = []
    for number, key in enumerate(keys):
        of_kind = (kinds >> number) & 1 == 1
        left_out = frozenset(column for part in key for column in part_columns(part)).intersection(names)
        if of_kind.any() and len(left_out) < len(names):
            sessions.append(
                (left_out, Patterns(candidates.degrees[of_kind], candidates.counts[of_kind] / every))
            )
    connection.execute("drop table _learnt")
    return learn(evidence, chance, sessions, candidates, rows * (rows - 1) / 2)


def _untrained(evidence: Sequence[Evidence], *, with_frequencies: bool) -> dict[str, Any]:
    """Splink's settings for the evidence, parameters left out."""
    creator = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="uid",
        comparisons=[_comparison(item, with_frequencies) for item in evidence],
        blocking_rules_to_generate_predictions=[],
    )
    return dict(creator.create_settings_dict(DIALECT))


def _comparison(item: Evidence, with_frequencies: bool) -> dict[str, Any]:
    column = item.column
    null = {
        "sql_condition": f'"{column}_l" is null or "{column}_r" is null',
        "label_for_charts": "not stated",
        "is_null_level": True,
    }
    levels: list[dict[str, Any]] = [null]
    for place, level in enumerate(item.levels):
        entry: dict[str, Any] = {"sql_condition": level.condition, "label_for_charts": level.label}
        if place == 0 and item.has_frequency and with_frequencies:
            entry |= {"tf_adjustment_column": column, "tf_adjustment_weight": 1.0}
        levels.append(entry)
    levels.append({"sql_condition": "ELSE", "label_for_charts": "different"})
    return {"output_column_name": column, "comparison_levels": levels}


def _fill(settings: dict[str, Any], learnt: Learnt) -> None:
    """Write what was learnt into Splink's settings: levels stand best first, degrees count upwards."""
    for comparison, m, u in zip(settings["comparisons"], learnt.m, learnt.u, strict=True):
        told = [level for level in comparison["comparison_levels"] if not level.get("is_null_level")]
        for level, own, others in zip(told, reversed(m.tolist()), reversed(u.tolist()), strict=True):
            level["m_probability"], level["u_probability"] = own, others
    settings["probability_two_random_records_match"] = learnt.match_share


def _household_weights(evidence: Sequence[Evidence], learnt: Learnt) -> dict[str, list[float]]:
    """Weights of what a household shares; what is each member's own has Splink's.

    That something differs never speaks for one person, that it agrees never against.
    """
    return {
        item.column: [
            round(min(max(weight, -8.0), 0.0) if degree == 0 else max(weight, 0.0), 3)
            for degree, weight in enumerate(np.log2(m / np.maximum(h, 1e-7)).tolist())
        ]
        for item, m, h in zip(evidence, learnt.m, learnt.household, strict=True)
        if not item.is_personal or item.column == "birth"
    }


def choose_keys(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Sequence[str],
    extra: Sequence[str],
    budget: float,
) -> tuple[tuple[str, ...], ...]:
    """Choose the kinds of block keys that bring the fewest pairs each, until the budget of pairs is used."""
    known = set(columns)
    kinds = (*KEYS, *((column, part) for column in extra for part in FURTHER_KEYS))
    known.update(extra)
    possible = [key for key in kinds if all(known.issuperset(part_columns(part)) for part in key)]
    (rows,) = connection.execute(f"select count(*) from {table}").fetchall()[0]
    share = min(1.0, SAMPLE_RECORDS / rows)
    connection.execute(f"""
        create or replace temporary table _sample as
        select * from {table} where hash(uid) % 1000000 < {round(share * 1000000)}
    """)
    limit = max(BLOCK_LIMIT * share, 2)
    costs = {key: count_pairs(connection, "_sample", key, limit) / share**2 for key in possible}
    connection.execute("drop table _sample")
    chosen: list[tuple[str, ...]] = []
    spent = 0.0
    for key in sorted(possible, key=lambda key: (key not in OWN_KEYS, costs[key], kinds.index(key))):
        if key in OWN_KEYS or (costs[key] and spent + costs[key] <= budget):
            chosen.append(key)
            spent += costs[key]
    return tuple(chosen[:MOST_KINDS])


def scoring_sql(model: Model, left: str, right: str, pairs: str) -> str:
    """Return Splink's SQL that weighs pairs of records: one row per pair with its weight and the parts of it.

    Args:
        model: the trained model.
        left: relation of the pairs' left records: ``uid``, the model's columns, ``tf_`` of frequency columns.
        right: relation of the right ones.
        pairs: relation of pairs ``uid_l``, ``uid_r``.

    Returns:
        A query of ``uid_l``, ``uid_r``, ``match_weight`` and for each evidence ``gamma_`` (degree, -1 not
        stated, 0 different) and ``mw_`` (its weight, frequency adjustment in ``mw_tf_adj_``).
    """
    places = {"left": left, "right": right, "pairs": pairs}
    return re.sub("__sokol_(left|right|pairs)__", lambda found: places[found[1]], model.scoring)


def scoring_template(content: Mapping[str, Any]) -> str:
    """Return Splink's SQL for its settings, with names of its own for the three relations."""
    left, right, pairs = (f"__sokol_{place}__" for place in ("left", "right", "pairs"))
    settings = _splink_settings(content)
    pipeline = CTEPipeline()
    pipeline.enqueue_sql(vectors_sql(content, left, right, pairs), "__splink__df_comparison_vectors")
    pipeline.enqueue_list_of_sqls(
        predict_from_comparison_vectors_sqls(
            unique_id_input_columns=settings.column_info_settings.unique_id_input_columns,
            core_model_settings=settings.core_model_settings,
            sql_dialect=SplinkDialect.from_string(DIALECT),
            retain_intermediate_calculation_columns=True,
            training_mode=True,  # keeps the degrees of agreement
        )
    )
    return str(pipeline.generate_cte_pipeline_sql())


def vectors_sql(content: Mapping[str, Any], left: str, right: str, pairs: str) -> str:
    """Return Splink's SQL that compares pairs of records: ``uid_l``, ``uid_r`` and ``gamma_`` per evidence.

    Where the records have ``tf_`` columns and the settings adjust by them, these are there too.
    """
    settings = _splink_settings(content)
    pipeline = CTEPipeline()
    pipeline.enqueue_sql(
        f"""
        select {", ".join(settings._columns_to_select_for_blocking)}, 0 as match_key
        from {pairs} as p
        inner join {left} as l on p.uid_l = l.uid
        inner join {right} as r on p.uid_r = r.uid
        """,
        "__splink__blocked",
    )
    pipeline.enqueue_sql(
        f"select {', '.join(settings._columns_to_select_for_comparison_vector_values)}"
        " from __splink__blocked",
        "__splink__vectors",
    )
    return str(pipeline.generate_cte_pipeline_sql())


def comparisons_sql(model: Model) -> dict[str, str]:
    """Return Splink's expression, per kind of evidence, of the degree to which two records agree."""
    compared = _splink_settings(model.settings).core_model_settings.comparisons
    return {comparison.output_column_name: comparison._case_statement for comparison in compared}


def _splink_settings(content: Mapping[str, Any]) -> Settings:
    settings = SettingsCreator.from_path_or_dict(dict(content)).get_settings(DIALECT)
    settings._retain_matching_columns = False
    settings._retain_intermediate_calculation_columns = True
    return settings
