"""Free TCP ports on loopback."""

import socket

LOOPBACK = "127.0.0.1"
TRIES = 100


def is_free(port: int) -> bool:
    """Say whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def first_free(preferred: int) -> int:
    """Return the first free loopback port from ``preferred`` upwards (0: any free one).

    Raises:
        RuntimeError: none of the next 100 ports is free.
    """
    if preferred == 0:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((LOOPBACK, 0))
            return int(probe.getsockname()[1])
    for port in range(preferred, min(preferred + TRIES, 65536)):
        if is_free(port):
            return port
    raise RuntimeError(
        f"no free port on {LOOPBACK} from {preferred} to {preferred + TRIES - 1}: "
        "stop what listens there, or name another with SOKOL_POSTGRES_PORT or SOKOL_AIRFLOW_PORT"
    )
