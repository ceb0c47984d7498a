"""The Dag files keep the rules, and each rule refuses a file that breaks it."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from include.settings import PROJECT_ROOT
from tests.dags import governance

DAGS = PROJECT_ROOT / "dags"
FILES = sorted(DAGS.glob("*.py"))
Write = Callable[[str], Path]

GOOD = dedent(
    '''
    """Planted."""
    from airflow.sdk import DAG, task
    from include.scheduling import Tag, retry_policy

    with DAG("planted", schedule=None, catchup=False, max_active_runs=1, default_args=retry_policy(),
             tags=[Tag.INGEST], doc_md="x" * 100) as dag:
        @task
        def one() -> None:
            pass
        one()
    '''
)


def test_the_dag_bag_holds_every_dag_without_errors() -> None:
    found = governance.bag(DAGS)
    assert governance.broken_bag(found) == []
    assert set(found.dags) == {
        "ingest_acme_shop", "ingest_zeta_shop", "match_customers", "transform", "train_clv", "forecast_clv",
        "reconcile_finance",
    }  # fmt: skip


def test_every_dag_has_owner_tags_retries_and_text() -> None:
    assert governance.broken_dags(governance.bag(DAGS).dags.values()) == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_dag_file_is_wiring(file: Path) -> None:
    assert governance.too_long(file) == []
    assert governance.top_level_work(file) == []
    assert governance.heavy_imports(file) == []


def test_there_are_dag_files() -> None:
    assert len(FILES) >= 2


def test_include_knows_nothing_of_airflow() -> None:
    assert governance.imports_airflow(PROJECT_ROOT / "include") == []


def test_an_ingest_dag_runs_days_of_its_source_and_tells_the_transform() -> None:
    found = governance.bag(DAGS).dags
    ingest, transform = found["ingest_zeta_shop"], found["transform"]
    assert str(ingest.timetable.timezone) == "America/New_York"
    assert ingest.task_dict["load"].upstream_task_ids == {"extract"}
    outlets = {asset.name for asset in ingest.task_dict["load"].outlets}
    assert outlets == {"raw", "raw_zeta_shop"}
    match = found["match_customers"]
    assert [asset.name for asset in match.task_dict["announce"].outlets] == ["customers"]
    assert match.task_dict["announce"].trigger_rule == "all_done"  # a red match does not hold the marts
    assert transform.max_active_runs == 1
    order = [task.task_id for task in transform.topological_sort()]
    assert order == ["gate_raw", "build", "gate_marts", "announce", "no_tenant_held"]
    assert [asset.name for asset in transform.task_dict["announce"].outlets] == ["marts"]


def test_forecasts_follow_the_clock_and_tell_the_transform() -> None:
    found = governance.bag(DAGS).dags
    assert found["train_clv"].schedule == "0 3 * * 0"
    night = found["forecast_clv"]
    assert night.schedule == "0 2 * * *"
    assert [asset.name for asset in night.task_dict["forecast"].outlets] == ["customers"]


# Planted defects: each rule must refuse what it is there for.


def test_the_planted_dag_is_good_before_it_is_broken(write_dag: Write) -> None:
    folder = write_dag(GOOD)
    found = governance.bag(folder)
    assert governance.broken_bag(found) == []
    assert governance.broken_dags(found.dags.values()) == []
    assert governance.too_long(folder / "planted.py") == []
    assert governance.top_level_work(folder / "planted.py") == []
    assert governance.heavy_imports(folder / "planted.py") == []


def test_an_import_error_is_refused(write_dag: Write) -> None:
    assert governance.broken_bag(governance.bag(write_dag("from airflow.sdk import no_such_thing")))


def test_an_empty_bag_is_refused(tmp_path: Path) -> None:
    assert governance.broken_bag(governance.bag(tmp_path)) == ["the DagBag is empty"]


@pytest.mark.parametrize(
    ("original", "defect", "said"),
    [
        ("tags=[Tag.INGEST]", "tags=['my-tag']", "tags"),
        ("tags=[Tag.INGEST],", "", "tags"),
        ('doc_md="x" * 100', 'doc_md=""', "doc_md"),
        ("catchup=False", "catchup=True", "catchup"),
        ("max_active_runs=1", "max_active_runs=50", "max_active_runs"),
        ("default_args=retry_policy(),", "", "owner"),
        ("default_args=retry_policy(),", "default_args={'owner': 'data-engineering'},", "no retries"),
        ("@task", "@task(owner='me')", "owner 'me'"),
        ("@task", "@task(retry_exponential_backoff=False)", "without back-off"),
        ("one()\n", "\n", "no tasks"),
    ],
)
def test_a_dag_that_breaks_a_rule_is_refused(write_dag: Write, original: str, defect: str, said: str) -> None:
    head, _, tail = GOOD.rpartition(original)
    found = governance.bag(write_dag(head + defect + tail))
    assert governance.broken_bag(found) == []
    assert any(said in fault for fault in governance.broken_dags(found.dags.values()))


def test_a_long_dag_file_is_refused(write_dag: Write) -> None:
    assert governance.too_long(write_dag(GOOD + "\n" * 100) / "planted.py")


@pytest.mark.parametrize(
    "line", ["open('/tmp/x')", "warehouse = thing.connect()", "rows = [load(x) for x in ()]", "build()"]
)
def test_work_at_parse_time_is_refused(write_dag: Write, line: str) -> None:
    assert governance.top_level_work(write_dag(f"{GOOD}\n{line}\n") / "planted.py")


def test_a_heavy_import_is_refused(write_dag: Write) -> None:
    folder = write_dag(f"import great_expectations\n{GOOD}")
    faults = governance.heavy_imports(folder / "planted.py")
    assert "planted.py: parsing imports great_expectations" in faults


@pytest.mark.parametrize(
    "line", ["import airflow", "from airflow.sdk import task", "import airflow.models as m"]
)
def test_airflow_in_include_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "planted.py").write_text(line)
    assert governance.imports_airflow(tmp_path)
