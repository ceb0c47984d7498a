"""Splink as its documentation recommends it, to compare with: a competent user's first model and no more.

Values are cleaned (case, spaces, digits of phones, one spelling of dates), obvious placeholders are nulled,
every comparison is one of Splink's own with term frequencies where its guide advises them, the model is
estimated without labels (prior from deterministic rules, u by sampling, m by two passes of EM), and
clusters are connected components of what is at least 95 % probable.
"""

import logging
from collections.abc import Sequence
from typing import Any

import duckdb
import pyarrow as pa
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

THRESHOLD = 0.95
SAMPLED_PAIRS = 1e7
SEED = 1

_NAME = "nullif(regexp_replace(lower(strip_accents(trim({0}))), '\\s+', ' ', 'g'), '')"
_CLEAN = {
    "first_name": _NAME,
    "last_name": _NAME,
    "street": _NAME,
    "city": _NAME,
    "email": "case when {0} not ilike 'noreply@%' then lower(trim({0})) end",
    "phone": (
        "case when length(regexp_replace({0}, '\\D', '', 'g')) >= 7"
        " and length(replace(regexp_replace({0}, '\\D', '', 'g'), '0', '')) > 0"
        " then right(regexp_replace({0}, '\\D', '', 'g'), 9) end"
    ),
    "birth_date": (
        "nullif(coalesce(strftime(try_strptime(trim({0}), "
        "['%Y-%m-%d', '%Y%m%d', '%d/%m/%Y', '%m/%d/%Y', '%d.%m.%Y', '%Y/%m/%d']), '%Y-%m-%d'), trim({0})),"
        " '1900-01-01')"
    ),
    "postcode": "upper(replace({0}, ' ', ''))",
    "national_id": "upper(regexp_replace({0}, '\\W', '', 'g'))",
    "loyalty_card": "upper(trim({0}))",
}

_BLOCKING = (
    ("email",),
    ("phone",),
    ("national_id",),
    ("loyalty_card",),
    ("first_name", "last_name"),
    ("birth_date", "last_name"),
    ("birth_date", "first_name"),
    ("birth_date", "postcode"),
    ("last_name", "postcode"),
    ("first_name", "postcode"),
    ("first_name", "city", "street"),
    ("last_name", "city", "street"),
)
_CERTAIN = (
    ("national_id",),
    ("loyalty_card",),
    ("email", "first_name"),
    ("phone", "first_name", "last_name"),
    ("first_name", "last_name", "birth_date"),
    ("first_name", "last_name", "postcode"),
)
_TRAINING = (
    ("first_name", "last_name"),
    ("birth_date",),
    ("email",),
    ("phone",),
    ("national_id",),
    ("postcode", "city"),
)


def match(table: pa.Table, extra_columns: Sequence[str] = ()) -> pa.Table:
    """Find the customers among records; arguments and columns as of ``include.identity.match_records``.

    Returns:
        One row per record with record_id and customer_id.
    """
    logging.getLogger("splink").setLevel(logging.ERROR)
    connection = duckdb.connect()
    connection.execute("set enable_progress_bar = false")
    connection.register("given", table)
    columns = _clean(connection, table.column_names, extra_columns)
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record_id",
        comparisons=_comparisons(columns, extra_columns),
        blocking_rules_to_generate_predictions=[block_on(*rule) for rule in _of(_BLOCKING, columns)],
        retain_matching_columns=False,
    )
    linker = Linker(DuckDBAPI(connection).register("cleaned"), settings, log_level=logging.ERROR)
    certain: list[Any] = [block_on(*rule) for rule in _of(_CERTAIN, columns)]
    if certain:
        linker.training.estimate_probability_two_random_records_match(certain, recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=SAMPLED_PAIRS, seed=SEED)
    for rule in _of(_TRAINING, columns)[:2]:
        linker.training.estimate_parameters_using_expectation_maximisation(
            block_on(*rule), max_pairs=SAMPLED_PAIRS
        )
    pairs = linker.inference.predict(threshold_match_probability=THRESHOLD)
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(
        pairs, threshold_match_probability=THRESHOLD
    )
    return clusters.as_duckdbpyrelation().select("record_id, cluster_id as customer_id").to_arrow_table()


def _clean(
    connection: duckdb.DuckDBPyConnection, given: Sequence[str], extra_columns: Sequence[str]
) -> list[str]:
    """Make the table cleaned; return its columns that hold anything."""
    cleaned = {name: rule.format(f'"{name}"') for name, rule in _CLEAN.items() if name in given}
    if "full_name" in given:
        words = f"string_split({_NAME.format('full_name')}, ' ')"
        for name, place in (("first_name", 1), ("last_name", -1)):
            word = f"{words}[{place}]"
            cleaned[name] = f"coalesce({cleaned[name]}, {word})" if name in cleaned else word
    cleaned |= {name: _NAME.format(f'"{name}"') for name in extra_columns}
    body = ", ".join(f'{value} as "{name}"' for name, value in cleaned.items())
    connection.execute(f"create table cleaned as select record_id, {body} from given")
    counted = ", ".join(f'count("{name}")' for name in cleaned)
    counts = connection.execute(f"select {counted} from cleaned").fetchall()[0]
    return [name for name, count in zip(cleaned, counts, strict=True) if count]


def _of(rules: Sequence[tuple[str, ...]], columns: Sequence[str]) -> list[tuple[str, ...]]:
    return [rule for rule in rules if set(rule) <= set(columns)]


def _comparisons(columns: Sequence[str], extra_columns: Sequence[str]) -> list[Any]:
    known: dict[str, Any] = {
        "birth_date": cl.DateOfBirthComparison(
            "birth_date", input_is_string=True, invalid_dates_as_null=False
        ),
        "email": cl.EmailComparison("email"),
        "phone": cl.LevenshteinAtThresholds("phone", [1]).configure(term_frequency_adjustments=True),
        "national_id": cl.DamerauLevenshteinAtThresholds("national_id", [1, 2]),
        "loyalty_card": cl.ExactMatch("loyalty_card"),
    }
    places: dict[str, Any] = {
        "postcode": cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]),
        "street": cl.JaroWinklerAtThresholds("street", [0.9, 0.7]),
        "city": cl.JaroWinklerAtThresholds("city", [0.9]),
    }
    # One of them: together they would say the same thrice, and make one person of every household.
    place = [places[name].configure(term_frequency_adjustments=True) for name in places if name in columns][
        :1
    ]
    names = [cl.NameComparison(name) for name in ("first_name", "last_name") if name in columns]
    further = [cl.ExactMatch(name).configure(term_frequency_adjustments=True) for name in extra_columns]
    return [*names, *(known[name] for name in columns if name in known), *place, *further]
