"""Verdicts on pairs drawn at random measure the model, and take it back when it is not good enough."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.synthetic import synthetic
from include.identity import match, store
from include.identity.labels import FEW_LABELS, draw, take_verdicts
from include.identity.model import Model, train
from include.identity.overrides import Verdict, override_all
from include.settings import Settings
from include.warehouse import connect
from tests.integration.identity.shop import TENANT

pytestmark = pytest.mark.slow

PAIRS = 120


@pytest.fixture(scope="module")
def matched(settings: Settings) -> Settings:
    result = match(settings)
    assert (result.labels, result.label_accuracy) == (0, None)
    return settings


@pytest.fixture(scope="module")
def drawn(matched: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "pairs.csv"
    assert draw(TENANT, PAIRS, path, settings=matched) == PAIRS
    return path


def persons() -> dict[str, str]:
    made = synthetic(1_200, 5).to_pylist()
    return {f"shop:{row['record_id']}": row["person"] for row in made}


def judged(path: Path, verdict: Callable[[bool], bool], *, most: int = PAIRS) -> Path:
    """Fill the drawn file in as somebody would who knows everybody, or does not."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    of = persons()
    for row in rows[:most]:
        is_same = of[row["left"]] == of[row["right"]]
        row["link"] = "same" if verdict(is_same) else "different"
    told = path.with_name(f"judged-{len(list(path.parent.iterdir()))}.csv")
    with told.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return told


def active(settings: Settings) -> Model:
    with connect("loader", settings) as warehouse:
        model = store.active_model(warehouse)
    assert model is not None
    return model


def accuracies(settings: Settings) -> list[tuple[str, float | None]]:
    with connect("loader", settings) as warehouse:
        return warehouse.rows(
            "select labels::text, label_accuracy from raw.identity_runs where not _deleted order by ran_at"
        )


def test_half_of_the_drawn_pairs_are_linked(matched: Settings, drawn: Path) -> None:
    with connect("loader", matched) as warehouse:
        linked = {
            frozenset(pair)
            for pair in warehouse.rows(
                "select l.record_name, r.record_name from identity.links"
                " inner join identity.records as l on left_no = l.record_no"
                " inner join identity.records as r on right_no = r.record_no"
            )
        }
    with drawn.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum(frozenset((row["left"], row["right"])) in linked for row in rows) == PAIRS // 2
    assert all(row["link"] == "" for row in rows)
    assert any(row["email_left"] and row["email_left"] == row["email_right"] for row in rows)
    again = drawn.with_name("again.csv")
    draw(TENANT, PAIRS, again, settings=matched)
    assert again.read_text() == drawn.read_text()
    draw(TENANT, PAIRS, again, seed=1, settings=matched)
    assert again.read_text() != drawn.read_text()


def test_lines_that_say_neither_are_refused(matched: Settings, drawn: Path) -> None:
    told = judged(drawn, lambda is_same: is_same, most=3)
    told.write_text(told.read_text().replace(",different,", ",perhaps,").replace(",same,", ",perhaps,"))
    with pytest.raises(ValueError, match="line 2: link is 'perhaps'; write same or different"):
        take_verdicts(told, decided_by="anna", settings=matched)
    told.write_text("left,right\n")
    with pytest.raises(ValueError, match="no column link, tenant_id"):
        take_verdicts(told, decided_by="anna", settings=matched)


def test_few_labels_are_told_and_judge_nothing(matched: Settings, drawn: Path) -> None:
    before = active(matched)
    wrong = judged(drawn, lambda is_same: not is_same, most=FEW_LABELS - 1)
    assert take_verdicts(wrong, decided_by="anna", settings=matched) == FEW_LABELS - 1
    result = match(matched)
    assert (result.mode, result.labels) == ("incremental", FEW_LABELS - 1)
    assert result.label_accuracy is not None
    assert result.label_accuracy < 0.2
    assert active(matched).version == before.version


def test_a_good_model_stays_and_is_measured(matched: Settings, drawn: Path) -> None:
    before = active(matched)
    take_verdicts(judged(drawn, lambda is_same: is_same), decided_by="anna", settings=matched)
    result = match(matched)
    assert (result.mode, result.labels) == ("incremental", PAIRS)
    assert result.label_accuracy is not None
    assert result.label_accuracy > 0.93
    assert active(matched).version == before.version
    labels, told = accuracies(matched)[-1]
    assert labels == str(PAIRS)
    assert float(told or 0) == pytest.approx(result.label_accuracy, abs=1e-6)


def test_a_bad_model_is_rolled_back_to_the_last_good_one(matched: Settings) -> None:
    good = active(matched)
    bad = replace(good, link_weight=60.0)
    with connect("loader", matched) as warehouse:
        store.activate(warehouse, bad, 1_000)
        told = warehouse.rows("select record_name, customer_id from identity.records order by 1")
    result = match(matched, mode="full")
    assert (result.mode, result.model_version) == ("full", good.version)
    assert active(matched).version == good.version
    with connect("loader", matched) as warehouse:
        assert warehouse.rows("select record_name, customer_id from identity.records order by 1") == told
        noted = dict(warehouse.rows("select version, label_accuracy from identity.models"))
    assert noted[bad.version] < noted[good.version]


def test_a_new_model_that_is_worse_does_not_replace(
    matched: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = active(matched)
    monkeypatch.setattr("include.identity.full.train", lambda *told: replace(train(*told), link_weight=30.0))
    result = match(matched, retrain=True)
    assert result.model_version == good.version
    with connect("loader", matched) as warehouse:
        models = warehouse.rows("select model -> 'link_weight' from identity.models order by trained_at")
    assert [30.0] in [list(row) for row in models]


def test_when_no_model_is_good_the_rules_decide(matched: Settings, drawn: Path) -> None:
    take_verdicts(judged(drawn, lambda is_same: not is_same), decided_by="bert", settings=matched)
    result = match(matched)
    assert result.mode == "full"
    assert active(matched).by_rules
    with connect("loader", matched) as warehouse:
        alone = warehouse.rows(
            """
            select l.record_name, r.record_name
            from identity.links
            inner join identity.records as l on left_no = l.record_no
            inner join identity.records as r on right_no = r.record_no
            where l.email is distinct from r.email and l.card is distinct from r.card
                and l.phone is distinct from r.phone
            """
        )
        assert warehouse.value("select count(*) from identity.links") > 50
    assert alone == []
    take_verdicts(judged(drawn, lambda is_same: is_same), decided_by="anna", settings=matched)
    assert (match(matched).label_accuracy or 0) > 0.93


def test_verdicts_that_do_not_measure_teach(matched: Settings, tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    draw(TENANT, 600, path, seed=7, settings=matched)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    override_all(
        [
            Verdict(
                TENANT,
                row["left"],
                row["right"],
                "same" if row["postcode_left"] == row["postcode_right"] else "different",
                reason="the review queue",
                decided_by="anna",
            )
            for row in rows
        ],
        settings=matched,
    )
    before = match(matched)
    assert before.labels == PAIRS, "a drawn pair measures, whatever is said of it later"
    taught = match(matched, retrain=True)
    with connect("loader", matched) as warehouse:
        learnt = warehouse.rows(
            "select version from identity.models"
            " where model ->> 'rescorer' is not null and model ->> 'by_rules' = 'false'"
        )
    assert len(learnt) == 1
    assert taught.labels == before.labels
