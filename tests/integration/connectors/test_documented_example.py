"""The example of docs/bring-your-own-data.md does what the page says."""

import re
from pathlib import Path

import pytest

from include.connectors import __main__ as connectors
from include.connectors import ingest
from include.feeds import __main__ as feeds
from include.settings import PROJECT_ROOT, Settings
from include.warehouse import connect

PAGE = (PROJECT_ROOT / "docs" / "bring-your-own-data.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^`([\w./-]+)`\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warehouse_settings: Settings) -> Path:
    """Write the page's files, stand in their folder, and use the session's warehouse."""
    for name, content in BLOCK.findall(PAGE):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for module in (connectors, ingest, feeds):
        monkeypatch.setattr(module, "get_settings", lambda: warehouse_settings)
    return tmp_path


def test_the_page_shows_its_files(folder: Path) -> None:
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*") if path.is_file()) == [
        "exports/2026-03-02.csv",
        "orders.sql",
        "source.yml",
    ]


def test_the_preview_names_line_column_and_value(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["check", "exports/2026-03-02.csv", "--mapping", "orders.sql", "--option", "delimiter=;"]
    assert feeds.main(command) == 1, "some rows are refused"
    shown = capsys.readouterr().out
    line = next(row for row in shown.splitlines() if "zwölf" in row)
    assert " 4 " in line
    assert "gross_amount" in line


def test_the_day_is_registered_landed_and_loaded(
    folder: Path, warehouse_settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    day = ["cafe_anna_webshop", "--start", "2026-03-02", "--end", "2026-03-03"]
    assert connectors.main(["register", "."]) == 0
    assert connectors.main(["extract", *day]) == 0
    assert connectors.main(["load", *day]) == 0
    assert connectors.main(["list"]) == 0
    assert "cafe_anna_webshop" in capsys.readouterr().out
    with connect("loader", warehouse_settings) as warehouse:
        orders = """
            select order_id, gross_amount::text, paid_at::text, coupon_code from raw.orders
            where tenant_id = 'cafe_anna' order by 1
        """
        assert warehouse.rows(orders) == [
            ("B-1001", "23.8000", "2026-03-02 08:15:00+00", "ANNA10"),
            ("B-1002", "11.9000", None, None),
        ]
        held = "select value, reason from ops.quarantine where tenant_id = 'cafe_anna'"
        [(value, reason)] = warehouse.rows(held)
        assert value == "zwölf"
        assert "is not a number" in reason
        cursor = "select cursor_max from ops.loads where tenant_id = 'cafe_anna' and feed = 'orders'"
        assert warehouse.value(cursor) == "02.03.2026 11:05"


def test_a_wrong_name_or_folder_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert connectors.main(["load", "nobody", "--start", "2026-03-02", "--end", "2026-03-03"]) == 1
    assert "no source 'nobody' is registered" in capsys.readouterr().err
    assert connectors.main(["register", "exports"]) == 1
    assert "does not exist" in capsys.readouterr().err
    assert connectors.main(["extract", "nobody", "--start", "soon", "--end", "2026-03-03"]) == 1
