"""Who is who: match new records with the standing customers after every load, before the marts are built."""

from typing import Any

from airflow.sdk import DAG, Asset, Param, TriggerRule, task

from include.scheduling import CUSTOMERS_ASSET, RAW_ASSET, Tag, retry_policy
from include.settings import get_settings

DOC = """
### Who is who

Runs when any source was loaded, and matches the records that are new or changed with the standing customers.
Its decisions are landed as the feed `customer_map`. `transform` follows it, also when it is red: the marts
are then built with the customers as they stood.

**Everything anew**: trigger with `mode` full; the customers come out the same. **A new model**: trigger with
`retrain` too. **Undo a merge**: docs/runbooks/undo-a-merge.md.
"""

with DAG(
    dag_id="match_customers",
    schedule=[Asset(RAW_ASSET)],
    catchup=False,
    max_active_runs=1,
    default_args=retry_policy(),
    tags=[Tag.IDENTITY, Tag.TRANSFORM],
    params={
        "mode": Param("incremental", type="string", enum=["incremental", "full"]),
        "retrain": Param(False, type="boolean"),
    },
    doc_md=DOC,
) as match_customers:

    @task
    def match(params: Any = None) -> str:
        """Match what is new and land what is decided; say what was done."""
        from include.identity import match as run

        result = run(get_settings(), mode=params["mode"], retrain=params["retrain"])
        return (
            f"{result.new_records} rows read, {result.records} records are {result.customers} customers,"
            f" {result.moved_records} moved, {result.open_reviews} to review"
        )

    @task(outlets=[Asset(CUSTOMERS_ASSET)], trigger_rule=TriggerRule.ALL_DONE)
    def announce() -> None:
        """Tell the transform that the customers are as good as they get."""

    matched = match()
    matched >> announce()

    @task(retries=0)
    def matched_well() -> None:
        """Turn red when matching is, although the announcement was made."""

    matched >> matched_well()
