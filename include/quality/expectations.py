"""Run suites by Great Expectations against the warehouse and write its site of results."""

import logging
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from include.quality.checks import Among, Between, Check, NoRows, NotAfter, Outcome, Present, Suite, Unique

if TYPE_CHECKING:
    from collections.abc import Iterator

SHOWN_ROWS = 5
"""How many rows that broke a check are shown."""
_SITE = "quality"


def run_suites(url: str, suites: Iterable[Suite], site: Path | None = None) -> list[Outcome]:
    """Put every suite to its rows and say what became of each check.

    Each batch is read once, into a temporary table of the session. The checks of a suite are counted first;
    only where one fails are the rows at fault looked up.

    Args:
        url: the warehouse as ``postgresql://…``; its role reads the batches and makes temporary tables.
        suites: what to ask of which rows.
        site: folder for a static site of the results, replaced; none is written when left out.

    Returns:
        One outcome per check, in the suites' order.
    """
    with _quiet_context() as context:
        source = context.data_sources.add_postgres(
            "warehouse",
            connection_string=url.replace("postgresql://", "postgresql+psycopg://", 1),
            create_temp_table=True,
        )
        try:
            outcomes = [outcome for suite in suites for outcome in _run_suite(context, source, suite)]
        finally:
            source.get_execution_engine().engine.dispose()
        if site is not None:
            _write_site(context, site)
    return outcomes


@contextmanager
def _quiet_context() -> "Iterator[Any]":
    """Give a context in memory that reports to nobody and draws no progress bars."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.enable_analytics(False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    yield context


def _run_suite(context: Any, source: Any, suite: Suite) -> list[Outcome]:
    batch = source.add_query_asset(suite.name, query=suite.batch).add_batch_definition_whole_table("rows")
    counted = _validate(context, batch, suite.name, suite.checks, "BOOLEAN_ONLY")
    shown: dict[str, Any] = {}
    failed = [check for check in suite.checks if not counted[check.says].success]
    columnar = [check for check in failed if not isinstance(check, NoRows)]
    if columnar:
        summary = {
            "result_format": "SUMMARY",
            "unexpected_index_column_names": list(suite.key),
            "partial_unexpected_count": SHOWN_ROWS,
        }
        shown |= _validate(context, batch, f"{suite.name}: values at fault", columnar, summary)
    if by_query := [check for check in failed if isinstance(check, NoRows)]:
        shown |= _validate(context, batch, f"{suite.name}: rows at fault", by_query, "COMPLETE")
    return [_outcome(suite, check, shown.get(check.says, counted[check.says])) for check in suite.checks]


def _validate(
    context: Any, batch: Any, name: str, checks: Sequence[Check], result_format: object
) -> dict[str, Any]:
    """Validate a batch and return Great Expectations' results by the check's words."""
    import great_expectations as gx

    suite = context.suites.add(
        gx.ExpectationSuite(name, expectations=[_expectation(check) for check in checks])
    )
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name=name, data=batch, suite=suite)
    )
    results = definition.run(result_format=result_format).results
    return {result.expectation_config.meta["says"]: result for result in results}


def _expectation(check: Check) -> Any:
    """Translate a check to Great Expectations."""
    # Its package of expectations re-exports them in a way that type checkers do not see.
    gxe: Any = import_module("great_expectations.expectations")
    told: dict[str, Any] = {
        "severity": check.severity,
        "meta": {"says": check.says},
        "notes": check.says,
    }
    if isinstance(check, Present):
        return gxe.ExpectColumnValuesToNotBeNull(column=check.column, **told)
    if isinstance(check, Among):
        return gxe.ExpectColumnValuesToBeInSet(column=check.column, value_set=list(check.values), **told)
    if isinstance(check, Between):
        return gxe.ExpectColumnValuesToBeBetween(
            column=check.column, min_value=check.least, max_value=check.most, **told
        )
    if isinstance(check, NotAfter):
        return gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A=check.limit,
            column_B=check.column,
            or_equal=True,
            ignore_row_if="either_value_is_missing",
            **told,
        )
    if isinstance(check, Unique):
        return gxe.ExpectCompoundColumnsToBeUnique(
            column_list=list(check.columns), ignore_row_if="never", **told
        )
    if isinstance(check, NoRows):
        return gxe.UnexpectedRowsExpectation(
            unexpected_rows_query=check.query, description=check.says, **told
        )
    raise TypeError(f"{type(check).__name__} has no translation to Great Expectations")


def _outcome(suite: Suite, check: Check, result: Any) -> Outcome:
    if result.success:
        return Outcome(suite.name, check, True)
    if error := _error(result.exception_info):
        return Outcome(suite.name, check, False, None, (), error)
    found = result.result
    if isinstance(check, NoRows):
        rows, count = found["details"]["unexpected_rows"], found["observed_value"]
    else:
        rows, count = found.get("partial_unexpected_index_list") or (), found.get("unexpected_count")
    return Outcome(suite.name, check, False, count, tuple(_texts(row) for row in rows))


def _error(info: Mapping[str, Any]) -> str | None:
    """Return the last line of what was raised while a check was judged, if anything was."""
    reports = [info] if "raised_exception" in info else list(info.values())
    raised = [report for report in reports if report.get("raised_exception")]
    if not raised:
        return None
    return str(raised[0].get("exception_message") or "unknown error").strip()[:500]


def _texts(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: "null" if value is None else str(value) for name, value in row.items()}


def _write_site(context: Any, site: Path) -> None:
    """Write the static site beside its place and exchange the two."""
    fresh = site.with_name(f"{site.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    context.add_data_docs_site(
        _SITE,
        {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {
                "class_name": "TupleFilesystemStoreBackend",
                "base_directory": str(fresh),
            },
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    context.build_data_docs(site_names=[_SITE])
    shutil.rmtree(site, ignore_errors=True)
    fresh.rename(site)
