"""Airflow's processes on one machine: scheduler, Dag processor and API server, on loopback, as one thing.

This is what ``airflow standalone`` starts, less the triggerer (nothing defers yet) and the two log servers
(they listen on all interfaces, and the API server reads the same files).
"""

import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from include.local import environment
from include.local.airflow_api import AirflowApi, AirflowUnreachableError
from include.local.ports import LOOPBACK, first_free
from include.local.postgres import LocalPostgres
from include.settings import PROJECT_ROOT

DEFAULT_PORT = 8080
USER = "admin"
PARALLELISM = 4
READY_SECONDS = 180
STOP_SECONDS = 30
SECRETS = (
    "SOKOL_AIRFLOW_PASSWORD",
    "SOKOL_AIRFLOW_API_SECRET",
    "SOKOL_AIRFLOW_JWT_SECRET",
)
HEALTHY = ("metadatabase", "scheduler", "dag_processor")
COMPONENTS = {
    "api-server": ["api-server", "--host", LOOPBACK],
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
}


@dataclass(frozen=True)
class LocalAirflow:
    """A running Airflow: where its pages are and how to sign in."""

    home: Path
    port: int
    password: str
    user: str = USER

    @property
    def url(self) -> str:
        """Address of its pages and of its REST API."""
        return f"http://{LOOPBACK}:{self.port}"

    def api(self) -> AirflowApi:
        """Return a client of its REST API."""
        return AirflowApi(self.url, self.user, self.password)


def variables(server: LocalPostgres) -> dict[str, str]:
    """Return the environment of every Airflow process of the server's state folder.

    Args:
        server: the Postgres that holds Airflow's metadata.
    """
    home = server.home
    known = environment.with_secrets(home, SECRETS)
    if "SOKOL_AIRFLOW_FERNET_KEY" not in known:
        key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        environment.write(home, {"SOKOL_AIRFLOW_FERNET_KEY": key})
        known["SOKOL_AIRFLOW_FERNET_KEY"] = key
    port = known.get("SOKOL_AIRFLOW_PORT", str(DEFAULT_PORT))
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    programs = Path(sys.executable).parent
    sections: dict[str, dict[str, str]] = {
        "core": {
            "executor": "LocalExecutor",
            "parallelism": str(PARALLELISM),
            "load_examples": "False",
            "dags_folder": str(PROJECT_ROOT / "dags"),
            "plugins_folder": str(PROJECT_ROOT / "plugins"),
            "simple_auth_manager_users": f"{USER}:admin",
            "simple_auth_manager_passwords_file": str(_folder(home) / "passwords.json"),
            "execution_api_server_url": f"http://{LOOPBACK}:{port}/execution/",
            "fernet_key": known["SOKOL_AIRFLOW_FERNET_KEY"],
            # a task is a fork of the scheduler's worker; the default, but worth a name: it is what makes
            # hundreds of short runs cheap
            "execute_tasks_new_python_interpreter": "False",
        },
        "database": {
            "sql_alchemy_conn": server.airflow_url,
            # psycopg 3 for the asynchronous half, which is asyncpg by default: one driver fewer to install
            "sql_alchemy_conn_async": server.airflow_url.replace("+psycopg2", "+psycopg_async"),
        },
        "api": {
            "host": LOOPBACK,
            "port": port,
            "base_url": f"http://{LOOPBACK}:{port}",
            "secret_key": known["SOKOL_AIRFLOW_API_SECRET"],
            "instance_name": "Sokol",
        },
        "api_auth": {"jwt_secret": known["SOKOL_AIRFLOW_JWT_SECRET"]},
        # a newly registered source has its Dag within seconds
        "dag_processor": {"refresh_interval": "30", "min_file_process_interval": "15"},
        "scheduler": {"max_dagruns_per_loop_to_schedule": "50", "max_dagruns_to_create_per_loop": "50"},
        "logging": {"base_log_folder": str(_folder(home) / "logs")},
        "usage_data_collection": {"enabled": "False"},
    }
    flat = {
        f"AIRFLOW__{section.upper()}__{name.upper()}": value
        for section, options in sections.items()
        for name, value in options.items()
    }
    return {
        **inherited,
        **flat,
        **({"SOKOL_DATA": known["SOKOL_DATA"]} if "SOKOL_DATA" in known else {}),
        "AIRFLOW_HOME": str(_folder(home)),
        "SOKOL_HOME": str(home),
        "PATH": f"{programs}{os.pathsep}{inherited.get('PATH', os.defpath)}",
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(PROJECT_ROOT), str(PROJECT_ROOT / "plugins"), inherited.get("PYTHONPATH")])
        ),
        "PYTHONWARNINGS": "ignore::DeprecationWarning",
    }


def migrate(server: LocalPostgres) -> None:
    """Bring Airflow's metadata to this Airflow's version; nothing to do when it is there already.

    Raises:
        RuntimeError: the migration failed; the message ends with its last lines.
    """
    stamp = _folder(server.home) / "migrated"
    wanted = version("apache-airflow-core")
    if stamp.exists() and stamp.read_text() == wanted:
        return
    _folder(server.home).mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [str(_program()), "db", "migrate"],
        env=variables(server), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        said = (done.stdout + done.stderr)[-2000:]
        raise RuntimeError(f"`airflow db migrate` failed in {_folder(server.home)}:\n{said}")
    stamp.write_text(wanted)


def start(
    server: LocalPostgres,
    port: int | None = None,
    *,
    tell: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
) -> LocalAirflow:
    """Start Airflow on the server's metadata and wait until all its parts are healthy.

    Args:
        server: running Postgres of the same state folder.
        port: loopback port wanted; None: the one used last, else 8080. When it is taken the next free one is
            used and said.
        tell: takes one line for the user.

    Raises:
        RuntimeError: a part ended or was not healthy in time; the message names its log.
    """
    home = server.home
    folder = _folder(home)
    folder.mkdir(parents=True, exist_ok=True)
    with environment.exclusive(home, "airflow"):
        known = environment.with_secrets(home, SECRETS)
        if len(_component_pids(home)) == len(COMPONENTS):
            running = LocalAirflow(home, int(known["SOKOL_AIRFLOW_PORT"]), known["SOKOL_AIRFLOW_PASSWORD"])
            _wait_until(running, HEALTHY)
            return running
        _end_all(home)
        wanted = port if port is not None else int(known.get("SOKOL_AIRFLOW_PORT", DEFAULT_PORT))
        free = first_free(wanted)
        if free != wanted:
            tell(f"port {wanted} is taken, so Airflow listens on {free}")
        environment.write(home, {"SOKOL_AIRFLOW_PORT": str(free)})
        _write_private(folder / "passwords.json", json.dumps({USER: known["SOKOL_AIRFLOW_PASSWORD"]}))
        migrate(server)
        inherited = variables(server)
        running = LocalAirflow(home, free, known["SOKOL_AIRFLOW_PASSWORD"])
        # The scheduler comes last: a task that starts before the API server answers fails at once.
        for name in ("api-server", "dag-processor"):
            _launch(home, name, inherited)
        _wait_until(running, ["metadatabase"])
        _launch(home, "scheduler", inherited)
        _wait_until(running, HEALTHY)
        return running


def stop(home: Path) -> bool:
    """Stop Airflow of a state folder, its running tasks too; return whether any process ran."""
    home = home.expanduser().resolve()
    if not home.exists():
        return False
    with environment.exclusive(home, "airflow"):
        return _end_all(home)


def is_running(home: Path) -> bool:
    """Say whether all of Airflow's processes of a state folder run."""
    return len(_component_pids(home.expanduser().resolve())) == len(COMPONENTS)


def current(home: Path) -> LocalAirflow:
    """Return the running Airflow of a state folder.

    Raises:
        RuntimeError: it does not run.
    """
    home = home.expanduser().resolve()
    if not is_running(home):
        raise RuntimeError(f"Airflow of {home} does not run: `make start` starts it")
    known = environment.read(home)
    return LocalAirflow(home, int(known["SOKOL_AIRFLOW_PORT"]), known["SOKOL_AIRFLOW_PASSWORD"])


def run_cli(server: LocalPostgres, arguments: list[str]) -> int:
    """Run Airflow's command line in the stack's environment; return its exit status."""
    return subprocess.run([str(_program()), *arguments], env=variables(server), check=False).returncode


def _folder(home: Path) -> Path:
    return home / "airflow"


def _log(home: Path, component: str) -> Path:
    return _folder(home) / f"{component}.log"


def _program() -> Path:
    return Path(sys.executable).parent / "airflow"


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def _started(pid: int) -> str:
    """Return the process's start time in clock ticks: with the number it names one process for ever."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _component_pids(home: Path) -> dict[str, int]:
    found = {}
    for name in COMPONENTS:
        try:
            pid, started = (_folder(home) / f"{name}.pid").read_text().split()
        except (OSError, ValueError):
            continue
        if _started(int(pid)) == started and _state(int(pid)) != "Z":
            found[name] = int(pid)
    return found


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def _launch(home: Path, component: str, variables_: dict[str, str]) -> None:
    with _log(home, component).open("a") as log:
        process = subprocess.Popen(
            [str(_program()), *COMPONENTS[component]],
            env=variables_,
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    (_folder(home) / f"{component}.pid").write_text(f"{process.pid} {_started(process.pid)}")


def _wait_until(airflow: LocalAirflow, parts: Sequence[str]) -> None:
    """Wait until these parts are healthy and no launched process has ended."""
    api, reason = airflow.api(), "no answer yet"
    launched = [name for name in COMPONENTS if (_folder(airflow.home) / f"{name}.pid").exists()]
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        ended = sorted(set(launched) - set(_component_pids(airflow.home)))
        if ended:
            tail = _log(airflow.home, ended[0]).read_text(errors="replace")[-2000:]
            raise RuntimeError(f"Airflow's {ended[0]} ended; {_log(airflow.home, ended[0])} says:\n{tail}")
        try:
            health = api.health()
        except AirflowUnreachableError as error:
            reason = str(error)
        else:
            ill = [part for part in parts if health.get(part, {}).get("status") != "healthy"]
            if not ill:
                return
            reason = f"not healthy: {', '.join(ill)}"
        time.sleep(0.5)
    raise RuntimeError(
        f"Airflow at {airflow.url} was not ready after {READY_SECONDS} s ({reason}); its logs are in "
        f"{_folder(airflow.home)}"
    )


def _end_all(home: Path) -> bool:
    """End this folder's Airflow: ask politely, wait, then insist. Return whether there was any process."""
    family = _family(home)
    if not family:
        _forget(home)
        return False
    _send(_component_pids(home).values(), signal.SIGTERM)
    everyone = dict(family)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline and _living(everyone):
        everyone |= _family(home)  # a task that started meanwhile
        if not _component_pids(home):  # the parts are gone: what is left was orphaned
            _send(_living(everyone), signal.SIGTERM)
        time.sleep(0.2)
    _send(_living(everyone), signal.SIGKILL)
    _forget(home)
    return True


def _forget(home: Path) -> None:
    for name in COMPONENTS:
        (_folder(home) / f"{name}.pid").unlink(missing_ok=True)


def _living(family: dict[int, str]) -> list[int]:
    return [pid for pid, started in family.items() if _started(pid) == started and _state(pid) != "Z"]


def _send(pids: Iterable[int], which: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, which)
        except ProcessLookupError:
            continue


def _family(home: Path) -> dict[int, str]:
    """Return {process id: start time} of all processes of this folder's Airflow.

    Those are the parts, whoever descends from them or shares their session, and whoever carries the folder's
    AIRFLOW_HOME (an orphan whose parent was killed); never this process or its own ancestors.
    """
    parents: dict[int, int] = {}
    members = set(_component_pids(home).values())
    sessions = set(members)
    marker = f"AIRFLOW_HOME={_folder(home)}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        pid = int(process.name)
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            parents[pid] = int(fields[1])
            if int(fields[3]) in sessions or marker in (process / "environ").read_bytes().split(b"\0"):
                members.add(pid)
        except OSError:
            continue
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in members} - members
        members |= more
        grown = bool(more)
    own, ancestor = set(), os.getpid()
    while ancestor > 1:
        own.add(ancestor)
        ancestor = parents.get(ancestor, 0)
    return {pid: _started(pid) for pid in members - own if _started(pid)}
