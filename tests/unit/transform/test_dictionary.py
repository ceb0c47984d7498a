"""The data dictionary in docs is what the YAML says now."""

from pathlib import Path

import pytest

from include.transform.dictionary import DICTIONARY, dictionary, main
from include.warehouse import load_contracts


def test_the_file_is_not_stale() -> None:
    assert main(["--check"]) == 0


def test_a_stale_or_missing_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stale = tmp_path / "dictionary.md"
    assert main(["--check", "--file", str(stale)]) == 1
    stale.write_text(DICTIONARY.read_text(encoding="utf-8").replace("roi_pct", "roi", 1), encoding="utf-8")
    assert main(["--check", "--file", str(stale)]) == 1
    assert "is not what the YAML says" in capsys.readouterr().err
    assert main(["--file", str(stale)]) == 0
    assert main(["--check", "--file", str(stale)]) == 0


def test_every_feed_and_mart_stands_in_it() -> None:
    text = dictionary()
    for feed, contract in load_contracts().items():
        section = text.split(f"### raw.{feed}\n")[1].split("\n### ")[0]
        assert all(f"| `{column}` |" in section for column in contract.names), feed
    for mart in ("tracked_orders", "kol_roi", "kol_roi_daily", "kol_roi_monthly", "daily_aggregates"):
        assert f"### marts.{mart}\n" in text
