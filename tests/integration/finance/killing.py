"""A poster in a process of its own, to be killed at a given place."""

import os
import signal
from collections.abc import Callable
from datetime import date
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any
from unittest.mock import patch

from include.feeds import decision, load
from include.finance import posting
from include.settings import Settings

PLACES = ("before landing", "landed", "loaded", "recorded")


def work(settings: Settings, tenant_id: str, open_from: date, place: str) -> None:
    """Post, and die by SIGKILL: before or after entries are landed, before or after their load commits."""

    def die(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def then_die(do: Callable[..., Any]) -> Callable[..., Any]:
        def done(*given: Any, **options: Any) -> None:
            do(*given, **options)
            die()

        return done

    land = posting.Ledger.land
    target, name, stand_in = {
        "before landing": (decision, "land", die),
        "landed": (decision, "load_file", die),
        "loaded": (decision, "load_file", then_die(load.load_file)),
        "recorded": (posting.Ledger, "land", then_die(land)),
    }[place]
    with patch.object(target, name, stand_in):
        posting.post_orders(tenant_id, open_from=open_from, held=set(), by="killed", settings=settings)


def start(settings: Settings, tenant_id: str, open_from: date, place: str) -> BaseProcess:
    """Start the poster in a fresh process, forked from a server that has the modules loaded."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.integration.finance.killing"])
    process = context.Process(target=work, args=(settings, tenant_id, open_from, place), daemon=True)
    process.start()
    return process
