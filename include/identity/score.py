"""Weigh candidate pairs by a model: Splink's match weight, held down where only a household agrees."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import numpy as np

from include.identity.evidence import Evidence
from include.identity.model import Model, frequency_columns, scoring_sql
from include.identity.rescore import BAND, Floats, correct, features

PROOFS = ("email", "card", "national_id")
"""Evidence that overrules a birth date that contradicts; without it father and son of one name stay two."""

RULES = ("email", "card", "national_id", "phone")
"""Evidence whose equality alone joins records by the rules; a phone wants given names that agree."""

RULED = 20.0
"""Weight by which the rules join two records, and keep others apart."""

CONTRADICTED = 1.0
"""The most that a pair with contradicting birth dates can weigh: it is for an operator to judge."""


def count_frequencies(
    connection: duckdb.DuckDBPyConnection, table: str, evidence: Sequence[Evidence], target: str
) -> None:
    """Create the table ``target`` of term frequencies: ``column_name``, ``value`` and ``frequency``.

    The frequency is the value's share of the records that state the column.
    """
    told = [
        f"select '{column}' as column_name, \"{column}\" as value,"
        f" count(*) / sum(count(*)) over () as frequency"
        f' from {table} where "{column}" is not null group by all'
        for column in frequency_columns(evidence)
    ]
    empty = "select '' as column_name, '' as value, 0.0 as frequency where false"
    connection.execute(f"create or replace table {target} as " + " union all ".join([empty, *told]))


def add_frequencies(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    evidence: Sequence[Evidence],
    frequencies: str,
    target: str,
) -> None:
    """Create ``target``: the records with ``tf_`` columns, by :func:`frequencies_sql`."""
    connection.execute(f"create or replace table {target} as {frequencies_sql(table, evidence, frequencies)}")


def frequencies_sql(table: str, evidence: Sequence[Evidence], frequencies: str) -> str:
    """Return the query of records with ``tf_`` columns of their values' frequencies.

    A value that was never counted is as rare as the rarest.
    """
    columns = frequency_columns(evidence)
    joins = "".join(
        f"\nleft join {frequencies} as f{place}"
        f" on f{place}.column_name = '{column}' and f{place}.value = r.\"{column}\""
        for place, column in enumerate(columns)
    )
    told = "".join(
        f',\n case when r."{column}" is not null then coalesce(f{place}.frequency,'
        f" (select min(frequency) from {frequencies} where column_name = '{column}'), 1.0) end"
        f' as "tf_{column}"'
        for place, column in enumerate(columns)
    )
    return f"select r.*{told} from {table} as r{joins}"


def weigh(
    connection: duckdb.DuckDBPyConnection, model: Model, left: str, right: str, pairs: str, *, target: str
) -> None:
    """Create the table ``target`` of weighed pairs: ``uid_l``, ``uid_r``, ``weight``.

    Splink's weight adds up what agrees as if each agreement came by itself. A household shares its family
    name, address and phone together, so they say little about which of its members it is: the weight is at
    most what is the person's own (:attr:`Evidence.is_personal`) plus the model's household bonus, and a
    birth date shared under different given names, as twins have it, does not count for it. Where the model
    has trees that verdicts taught, these correct what is in doubt.
    """
    connection.execute(f"create or replace table {target} as {weights_sql(model, left, right, pairs)}")
    if model.rescorer is None or model.by_rules:
        return
    doubtful = f"(select uid_l, uid_r from {target} where abs(weight - {model.link_weight}) <= {BAND})"
    parts = connection.sql(weights_sql(model, left, right, doubtful, with_parts=True)).fetchnumpy()
    corrected = correct(model.rescorer, degrees_of(model, parts), np.asarray(parts["weight"]))
    if "gamma_birth" in parts:
        proofs = [np.asarray(parts[f"gamma_{column}"]) > 0 for column in PROOFS if f"gamma_{column}" in parts]
        contradicts = (np.asarray(parts["gamma_birth"]) == 0) & ~np.any([*proofs, parts["uid_l"] < 0], axis=0)
        corrected = np.where(contradicts, np.minimum(corrected, CONTRADICTED), corrected)
    connection.register("_corrected", {"uid_l": parts["uid_l"], "uid_r": parts["uid_r"], "weight": corrected})
    connection.execute(f"""
        update {target} set weight = _corrected.weight from _corrected
        where {target}.uid_l = _corrected.uid_l and {target}.uid_r = _corrected.uid_r
    """)
    connection.unregister("_corrected")


def degrees_of(model: Model, parts: Mapping[str, Any]) -> Floats:
    """Return the features of pairs, given the columns of a query with parts."""
    columns = [item.column for item in model.evidence]
    return features({column: parts[f"gamma_{column}"] for column in columns}, columns)


class Weights:
    """A model's weights in memory: a handful of pairs is added up sooner than a query is planned."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._evidence = model.evidence
        share = model.settings["probability_two_random_records_match"]
        self._before = math.log2(share / (1 - share))
        self._levels = {
            comparison["output_column_name"]: [
                level for level in reversed(comparison["comparison_levels"]) if not level.get("is_null_level")
            ]
            for comparison in model.settings["comparisons"]
        }

    def of(
        self, degrees: Mapping[str, int], frequencies: Mapping[str, float]
    ) -> tuple[float, dict[str, float]]:
        """Weigh one pair as :func:`weights_sql` does.

        Args:
            degrees: of each evidence that both records state, 0 where they differ.
            frequencies: of each such evidence that has one, the greater of both records' values.

        Returns:
            The weight, and the parts of it that Splink's model gives each evidence, log2 of the odds.
        """
        model = self._model
        parts: dict[str, float] = {}
        own = model.household_bonus
        for item in self._evidence:
            if (degree := degrees.get(item.column, -1)) < 0:
                continue
            levels = self._levels[item.column]
            parts[item.column] = math.log2(levels[degree]["m_probability"] / levels[degree]["u_probability"])
            if "tf_adjustment_column" in levels[degree]:
                usual = math.log2(levels[degree]["u_probability"])
                parts[item.column] += usual - math.log2(frequencies[item.column])
            households = model.households.get(item.column)
            own += parts[item.column] if households is None else households[degree]
        weight = min(self._before + sum(parts.values()), own)
        if model.by_rules:
            weight = RULED if self._rules_join(degrees) else -RULED
        most = math.inf
        if degrees.get("birth") == 0 and not any(degrees.get(column, 0) > 0 for column in PROOFS):
            most = CONTRADICTED
        weight = min(weight, most)
        if model.rescorer and not model.by_rules and abs(weight - model.link_weight) <= BAND:
            columns = [item.column for item in self._evidence]
            told = features({column: [degrees.get(column, -1)] for column in columns}, columns)
            weight = min(float(correct(model.rescorer, told, np.array([weight]))[0]), most)
        return weight, parts

    def _rules_join(self, degrees: Mapping[str, int]) -> bool:
        return any(
            degrees.get(column, -1) == len(self._levels[column]) - 1
            and (column != "phone" or degrees.get("given", -1) > 0)
            for column in RULES
            if column in self._levels
        )


def weights_sql(model: Model, left: str, right: str, pairs: str, *, with_parts: bool = False) -> str:
    """Return the query of weighed pairs before any correction, with the parts of each weight when asked."""
    columns = {item.column for item in model.evidence}
    told = [f"{model.household_bonus}"]
    for item in model.evidence:
        if item.column in model.households:
            branches = " ".join(
                f"when {degree} then {weight}" for degree, weight in enumerate(model.households[item.column])
            )
            told.append(f'case "gamma_{item.column}" {branches} else 0 end')
        else:
            told.append(
                f'"mw_{item.column}"' + (f' + "mw_tf_adj_{item.column}"' if item.has_frequency else "")
            )
    own = " + ".join(f"({part})" for part in told)
    weight = f"least(match_weight, {own})"
    if model.by_rules:
        weight = f"case when {_rules_sql(model.evidence)} then {RULED} else -{RULED} end"
    if "birth" in columns:
        proof = " or ".join(f'"gamma_{column}" > 0' for column in PROOFS if column in columns) or "false"
        weight = (
            f'case when "gamma_birth" = 0 and not ({proof})'
            f" then least({weight}, {CONTRADICTED}) else {weight} end"
        )
    parts = ", *" if with_parts else ""
    return (
        f"select uid_l, uid_r, cast({weight} as double) as weight{parts}"
        f" from ({scoring_sql(model, left, right, pairs)}) as scored"
    )


def _rules_sql(evidence: Sequence[Evidence]) -> str:
    """Return the condition that the rules join a pair: what is equal has the highest of its degrees."""
    degrees = {item.column: len(item.levels) for item in evidence}
    named = '"gamma_given" > 0' if "given" in degrees else "false"
    joins = [
        f'("gamma_{column}" = {degrees[column]}' + (f" and {named})" if column == "phone" else ")")
        for column in RULES
        if column in degrees
    ]
    return " or ".join(joins) or "false"
