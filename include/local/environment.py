"""The local stack's own settings file, ``<home>/local.env``: its ports and passwords, its owner's alone."""

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

FILE_NAME = "local.env"


def read(home: Path) -> dict[str, str]:
    """Return the ``NAME=value`` pairs of ``<home>/local.env``; empty when there is no such file."""
    try:
        lines = (home / FILE_NAME).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}


def write(home: Path, values: Mapping[str, str]) -> None:
    """Put values into ``<home>/local.env`` beside what is there, in one rename, mode 0600."""
    merged = {**read(home), **values}
    temporary = home / f".{FILE_NAME}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("# Written by the local stack: its ports and passwords. Keep it to yourself.\n")
        file.writelines(f"{name}={value}\n" for name, value in sorted(merged.items()))
    temporary.rename(home / FILE_NAME)


def with_secrets(home: Path, names: tuple[str, ...]) -> dict[str, str]:
    """Return the file's values after making a random secret for each name that has none yet."""
    known = read(home)
    missing = {name: secrets.token_urlsafe(24) for name in names if not known.get(name)}
    if missing:
        write(home, missing)
    return {**known, **missing}


@contextmanager
def exclusive(home: Path, name: str) -> Iterator[None]:
    """Hold ``<home>/<name>.lock`` so that two commands do not start or stop the same thing at once."""
    with (home / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
