"""The benchmark of matching: a matcher is judged in its own process and sees no truth."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks import identity, plain_splink
from benchmarks.clusters import agreement, labels
from benchmarks.matchers import Measurement, in_order, peak_mb
from benchmarks.person_files import Trial
from benchmarks.synthetic import synthetic
from include.settings import PROJECT_ROOT, Settings

PEOPLE = "id,who,surname\n1,a,Lee\n2,a,Lee\n3,b,Ng\n4,c,Lee\n"


@pytest.fixture
def by_name(monkeypatch: pytest.MonkeyPatch) -> list[Trial]:
    """Put a matcher in place that takes equal surnames for one person; give the trials that it gets."""
    asked: list[Trial] = []

    def measured(trial: Trial, matcher: str) -> Measurement:
        asked.append(trial)
        found = trial.records["last_name"] if matcher == "sokol" else trial.records["record_id"]
        return Measurement(found.combine_chunks(), 1.5, 100)

    monkeypatch.setattr(identity, "measure", measured)
    return asked


def test_figures_of_a_file(by_name: list[Trial], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    command = [
        "--records",
        str(path),
        "--id-column",
        "id",
        "--truth-column",
        "who",
        "--with-splink",
        "--json",
    ]
    assert identity.main(command) == 0
    assert by_name[0].records.column_names == ["record_id", "last_name"]
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures == {
        "pair_precision": 0.33333,
        "pair_recall": 1.0,
        "pair_f1": 0.5,
        "b3_precision": 0.66667,
        "b3_recall": 1.0,
        "b3_f1": 0.8,
        "largest_cluster": 3,
        "largest_true_cluster": 2,
        "records": 4,
        "customers": 2,
        "seconds": 1.5,
        "peak_mb": 100,
        "splink_pair_precision": 1.0,
        "splink_pair_recall": 0.0,
        "splink_pair_f1": 0.0,
        "splink_b3_precision": 1.0,
        "splink_b3_recall": 0.75,
        "splink_b3_f1": 0.85714,
        "splink_largest_cluster": 1,
        "splink_customers": 4,
        "splink_seconds": 1.5,
        "splink_peak_mb": 100,
    }
    assert identity.main(command[:-1]) == 0
    assert "sokol" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--records", "nowhere.csv", "--id-column", "id", "--truth-column", "who"], "no file nowhere.csv"),
        (["--dataset", "febrl4"], "febrl4; name the data's folder in SOKOL_DATA"),
    ],
)
def test_what_cannot_be_read_is_said(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SOKOL_DATA", str(tmp_path))
    assert identity.main(arguments) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--records", "people.csv"],
        ["--synthetic", "0"],
        ["--dataset", "febrl1", "--truth-column", "rec_id"],
        ["--dataset", "febrl1", "--shops"],
    ],
)
def test_a_command_that_makes_no_sense_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        identity.main(arguments)


def test_febrl_of_two_files_is_one_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "febrl").mkdir()
    for part, kind in (("a", "org"), ("b", "dup-0")):
        (tmp_path / "febrl" / f"dataset4{part}.csv").write_text(f"rec_id, surname\nrec-7-{kind}, lee\n")
    monkeypatch.setenv("SOKOL_DATA", str(tmp_path))
    assert identity.febrl("febrl4", Settings()).truth.to_pylist() == ["7", "7"]


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "records", "persons"), [("febrl1", 1000, 500), ("febrl3", 5000, 2000)])
def test_febrl_is_read_whole(name: str, records: int, persons: int) -> None:
    trial = identity.febrl(name, Settings())
    assert (len(trial.records), len(trial.truth.unique())) == (records, persons)
    assert set(trial.records.column_names) == {
        "record_id", "first_name", "last_name", "birth_date", "street", "city", "postcode", "state",
        "national_id",
    }  # fmt: skip


def test_the_worst_seed_counts() -> None:
    one = {"pair_f1": 0.9, "seconds": 2.0, "records": 10, "largest_cluster": 3}
    other = {"pair_f1": 0.95, "seconds": 1.0, "records": 5, "largest_cluster": 9}
    assert identity.worst([one, other]) == {
        "pair_f1": 0.9,
        "seconds": 2.0,
        "records": 15,
        "largest_cluster": 9,
    }


def test_clusters_in_any_order_are_put_to_their_records() -> None:
    records = pa.chunked_array([["1", "2"], ["3"]])
    clusters = pa.table({"record_id": ["3", "1", "2"], "customer_id": ["b", "a", "a"]})
    assert in_order(records, clusters).to_pylist() == ["a", "a", "b"]
    with pytest.raises(ValueError, match="1 of 3 records are in no cluster"):
        in_order(records, clusters.slice(1))
    with pytest.raises(ValueError, match="4 rows were returned"):
        in_order(records, pa.concat_tables([clusters, clusters.slice(2)]))


def test_a_process_of_its_own_has_memory_of_its_own(tmp_path: Path) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("this system has no /proc; the size of the parent is the floor here")
    ballast = bytearray(200_000_000)
    code = "import benchmarks.matchers as m; print(m.peak_mb())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert 20 < int(done.stdout) < peak_mb() - 100
    assert len(ballast) == 200_000_000


@pytest.mark.slow
def test_plain_splink_finds_what_is_to_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_splink, "SAMPLED_PAIRS", 1e5)
    records = synthetic(2000, 3)
    trial = Trial("few", records.drop_columns("person"), records["person"].combine_chunks())
    clusters = plain_splink.match(trial.records)
    customers = in_order(trial.records["record_id"], clusters)
    figures = agreement(labels(customers), labels(trial.truth))
    assert figures.pair_f1 > 0.8
