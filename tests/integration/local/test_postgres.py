"""The embedded Postgres: starts, stops, recovers, yields a taken port, and lets only passwords in."""

import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from include.local import environment, postgres
from include.local.ports import LOOPBACK, first_free


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sokol-postgres-"))
    yield folder
    postgres.stop(folder)
    shutil.rmtree(folder)


def test_start_and_stop_can_be_repeated(home: Path) -> None:
    first = postgres.start(home, 0)
    again = postgres.start(home)
    assert (again.pid, again.port) == (first.pid, first.port)
    assert postgres.stop(home)
    assert not postgres.stop(home)
    assert first.pid is None
    assert postgres.start(home).port == first.port


def test_a_killed_server_recovers_what_was_committed(home: Path) -> None:
    server = postgres.start(home, 0)
    with psycopg.connect(server.url) as connection:
        connection.execute("create table kept as select generate_series(1, 1000) as n")
    pid = server.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    after = postgres.start(home)
    assert after.pid not in (None, pid)
    with psycopg.connect(after.url) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (1000,)


def test_a_pid_file_that_names_a_stranger_does_not_stop_the_start(home: Path) -> None:
    server = postgres.start(home, 0)
    file = home / "postgres" / "data" / "postmaster.pid"
    content = file.read_text()
    postgres.stop(home)
    file.write_text(content.replace(content.split("\n")[0], str(os.getpid()), 1))
    assert postgres.running_pid(home) is None
    assert postgres.start(home).port == server.port


def test_a_taken_port_is_said_and_the_next_one_used(home: Path) -> None:
    said: list[str] = []
    with socket.socket() as taken:
        taken.bind((LOOPBACK, first_free(0)))
        taken.listen()
        port = taken.getsockname()[1]
        server = postgres.start(home, port, tell=said.append)
    assert server.port > port
    assert said == [f"port {port} is taken, so Postgres listens on {server.port}"]
    assert environment.read(home)["SOKOL_WAREHOUSE_PORT"] == str(server.port)


def test_a_start_that_was_cut_off_is_made_again(home: Path) -> None:
    (home / "postgres" / "data").mkdir(parents=True)
    (home / "postgres" / "data" / "PG_VERSION").write_text("18\n")
    assert postgres.start(home, 0).pid is not None


def test_nobody_enters_without_the_password(home: Path) -> None:
    server = postgres.start(home, 0)
    for user in ("postgres", "airflow"):
        for password in ("", "postgres"):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(
                    host=server.host, port=server.port, user=user, password=password, dbname="airflow"
                )
    with psycopg.connect(server.url) as connection:
        addresses = connection.execute("show listen_addresses").fetchone()
        sockets = connection.execute("show unix_socket_directories").fetchone()
    assert (addresses, sockets) == ((LOOPBACK,), ("",))


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can own a folder that the server's user cannot enter"
)
def test_root_can_keep_the_state_where_only_root_may_walk() -> None:
    closed = Path(tempfile.mkdtemp(prefix="sokol-closed-"))  # mode 0700
    home = closed / "project" / ".sokol"
    try:
        server = postgres.start(home, 0)
        assert server.pid is not None
        status = Path(f"/proc/{server.pid}/status").read_text()
        uid = next(line.split()[1] for line in status.splitlines() if line.startswith("Uid:"))
        assert uid != "0"
    finally:
        postgres.stop(home)
        shutil.rmtree(closed)
