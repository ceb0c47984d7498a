"""The local stack's small parts, without a server: settings file, ports, intervals, logs, compose file."""

import json
import re
import socket
import stat
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.connectors.registry import Source, parse
from include.local import environment, ports
from include.local.demo import Interval, intervals
from include.local.online_retail import FOLDER, days_with_files
from include.local.runs import _last_error
from include.settings import PROJECT_ROOT, Settings


def test_secrets_are_made_once_and_kept_private(tmp_path: Path) -> None:
    first = environment.with_secrets(tmp_path, ("A", "B"))
    again = environment.with_secrets(tmp_path, ("A", "B", "C"))
    assert again["A"] == first["A"] and again["B"] == first["B"]
    assert len({again["A"], again["B"], again["C"]}) == 3
    assert stat.S_IMODE((tmp_path / "local.env").stat().st_mode) == 0o600


def test_settings_read_what_the_stack_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SOKOL_WAREHOUSE_PORT", "SOKOL_LOADER_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    environment.write(tmp_path, {"SOKOL_WAREHOUSE_PORT": "12345", "SOKOL_LOADER_PASSWORD": "a=b#c"})
    settings = Settings(home=tmp_path)
    assert settings.warehouse_port == 12345
    assert settings.loader_password.get_secret_value() == "a=b#c"


def test_a_taken_port_gives_way_to_the_next_free_one() -> None:
    with socket.socket() as taken:
        taken.bind((ports.LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.first_free(port) > port
    assert ports.is_free(port)


def test_no_free_port_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: False)
    with pytest.raises(RuntimeError, match=r"no free port on .* from 8080"):
        ports.first_free(8080)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "orders.sql").write_text("select _row from source")
    content = {
        "tenant": "acme",
        "source": "shop",
        "time_zone": "UTC",
        "start": date(2026, 1, 1),
        "files": [{"path": "x-{start:%Y-%m-%d}.csv", "feeds": {"orders": "orders.sql"}}],
    }
    (folder / "source.yml").write_text(yaml.safe_dump(content))
    return parse(folder)


def _folders(root: Path, *names: str) -> None:
    for name in names:
        (root / "files" / "acme" / "shopify" / name).mkdir(parents=True)


def test_the_demo_finds_history_and_single_days(tmp_path: Path, source: Source) -> None:
    _folders(tmp_path, "2026-01-03_2026-01-04", "2026-01-01_2026-01-03", "2026-01-04_2026-01-05")
    assert [interval.days for interval in intervals(tmp_path, source)] == [2, 1, 1]
    assert intervals(tmp_path, source)[0] == Interval(date(2026, 1, 1), date(2026, 1, 3))


@pytest.mark.parametrize(
    "names",
    [
        ["2026-01-01_2026-01-03", "2026-01-04_2026-01-05"],  # a day is missing
        ["2026-01-01_2026-01-03", "2026-01-03_2026-01-05"],  # not a single day
        ["2026-01-01_2026-01-03", "2026-01-02_2026-01-03"],  # a day twice
    ],
)
def test_the_demo_refuses_other_intervals(tmp_path: Path, source: Source, names: list[str]) -> None:
    _folders(tmp_path, *names)
    with pytest.raises(RuntimeError, match="no history with single days"):
        intervals(tmp_path, source)


def test_the_demo_says_that_files_are_missing(tmp_path: Path, source: Source) -> None:
    with pytest.raises(RuntimeError, match="no files of acme"):
        intervals(tmp_path, source)


def test_online_retail_takes_its_days_from_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "online_retail" / "by_day"
    folder.mkdir(parents=True)
    for name in ("2011-01-04.csv.gz", "2010-12-01.csv.gz", "notes.txt", "2011-02-30.csv.gz"):
        (folder / name).touch()
    settings = Settings.model_validate({"SOKOL_DATA": tmp_path})
    assert days_with_files(parse(FOLDER), settings) == [date(2010, 12, 1), date(2011, 1, 4)]
    for file in folder.glob("*.gz"):
        file.unlink()
    with pytest.raises(RuntimeError, match="SOKOL_DATA"):
        days_with_files(parse(FOLDER), settings)


def test_the_last_error_of_a_task_is_found(tmp_path: Path) -> None:
    log = tmp_path / "attempt=1.log"
    assert _last_error(log) == "it left no log"
    error = {"exc_type": "IngestError", "exc_value": "line 88"}
    lines = [
        json.dumps({"level": "info", "event": "begin"}),
        "not json",
        json.dumps({"level": "error", "event": "Task failed", "error_detail": [error]}),
        json.dumps({"level": "info", "event": "end"}),
    ]
    log.write_text("\n".join(lines))
    assert _last_error(log) == "IngestError: line 88"


# docker-compose.yml cannot be run here, so what can be judged from its text is.


def compose_faults(compose: dict[str, Any], example: str) -> list[str]:
    """Return references of a compose file to services, volumes or variables that are nowhere defined."""
    known = set(re.findall(r"^(SOKOL_\w+)=", example, re.MULTILINE))
    required = set(re.findall(r"\$\{(SOKOL_\w+):\?", json.dumps(compose)))
    faults = [f"{name} is not in .env.example" for name in sorted(required - known)]
    for name, service in compose["services"].items():
        unknown = set(service.get("depends_on", {})) - set(compose["services"])
        faults += [f"{name} depends on {other}" for other in sorted(unknown)]
        for volume in service.get("volumes", []):
            place = volume.split(":")[0]
            if not place.startswith(".") and place not in compose["volumes"]:
                faults.append(f"{name} uses volume {place}")
            if place.startswith(".") and not (PROJECT_ROOT / place).exists():
                faults.append(f"{name} mounts {place}, which is not there")
        for port in service.get("ports", []):
            if not port.startswith("${SOKOL_BIND:-127.0.0.1}:"):
                faults.append(f"{name} opens {port} to the network")
    return faults


def test_the_compose_file_refers_to_what_is_there() -> None:
    compose = yaml.safe_load((PROJECT_ROOT / "docker-compose.yml").read_text())
    example = (PROJECT_ROOT / ".env.example").read_text()
    assert compose_faults(compose, example) == []


@pytest.mark.parametrize(
    ("service", "key", "value"),
    [
        ("scheduler", "depends_on", {"api-sever": {}}),
        ("scheduler", "volumes", ["stat:/x"]),
        ("warehouse", "volumes", ["./deploy/none.sh:/x"]),
        ("warehouse", "ports", ["5432:5432"]),
        ("warehouse", "environment", {"X": "${SOKOL_NOWHERE:?fill .env}"}),
    ],
)
def test_a_compose_file_with_a_slip_is_refused(service: str, key: str, value: object) -> None:
    compose = yaml.safe_load((PROJECT_ROOT / "docker-compose.yml").read_text())
    compose["services"][service] = {**compose["services"][service], key: value}
    assert compose_faults(compose, (PROJECT_ROOT / ".env.example").read_text())
