"""Raw to marts: gate, build, gate, announce; follows the matching of loads and folds many into one run."""

from typing import Any

from airflow.sdk import DAG, Asset, Param, task

from include.scheduling import CUSTOMERS_ASSET, MARTS_ASSET, Tag, retry_policy
from include.settings import get_settings

DOC = """
### Raw to marts

Runs when the records of a load were matched; loads that end while it runs are taken together by the next
run. `build` pins the highest committed load of each feed, so loads may go on meanwhile.

`gate_raw` and `gate_marts` are Great Expectations checks. A red gate stops the line: the marts are not
announced, and its log names the rows. `no_tenant_held` is red when one tenant's defect keeps it at its last
published state; the others are announced all the same.

**Again from nothing**: trigger with `full_refresh`; the marts come out the same.
"""

with DAG(
    dag_id="transform",
    schedule=[Asset(CUSTOMERS_ASSET)],
    catchup=False,
    max_active_runs=1,
    default_args=retry_policy(),
    tags=[Tag.TRANSFORM, Tag.QUALITY, Tag.MARTS],
    params={"full_refresh": Param(False, type="boolean")},
    doc_md=DOC,
) as transform:

    @task
    def gate_raw() -> None:
        """Refuse raw rows that break what the models rely on."""
        from include.quality import gate_raw as check

        check(get_settings())

    @task
    def build(params: Any = None) -> list[str]:
        """Run dbt over everything that was loaded; return the tenants that it held, each with its reason."""
        from include.transform import build as run

        held = run(get_settings(), full_refresh=params["full_refresh"]).held
        return [f"{tenant.tenant_id} is held: {tenant.reason}" for tenant in held]

    @task
    def gate_marts() -> None:
        """Refuse marts that contradict themselves."""
        from include.quality import gate_marts as check

        check(get_settings())

    @task(outlets=[Asset(MARTS_ASSET)])
    def announce() -> None:
        """Tell whoever waits for the marts."""

    @task(retries=0)
    def no_tenant_held(held: Any) -> None:
        """Turn red when a tenant was left at its last published state."""
        if held:
            raise RuntimeError("; ".join(held))

    built = build()
    gate_raw() >> built >> gate_marts() >> announce() >> no_tenant_held(built)
