"""A poster or an invoicer in a process of its own, to be killed at a given place."""

import os
import signal
from collections.abc import Callable
from datetime import date
from functools import partial
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any
from unittest.mock import patch

from include.feeds import decision, load
from include.finance import invoicing, posting
from include.finance.statements import Month
from include.settings import Settings

PLACES = ("before landing", "landed", "loaded", "recorded")


RECORDS: dict[str, tuple[Any, str]] = {"post": (posting.Ledger, "land"), "invoice": (invoicing, "_land")}
"""What lands and records, by the work that it is of."""


def work(do: Callable[[], Any], what: str, place: str) -> None:
    """Do it, and die by SIGKILL: before or after entries are landed, before or after their load commits."""

    def die(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def then_die(do: Callable[..., Any]) -> Callable[..., Any]:
        def done(*given: Any, **options: Any) -> None:
            do(*given, **options)
            die()

        return done

    recorder, method = RECORDS[what]
    target, name, stand_in = {
        "before landing": (decision, "land", die),
        "landed": (decision, "load_file", die),
        "loaded": (decision, "load_file", then_die(load.load_file)),
        "recorded": (recorder, method, then_die(getattr(recorder, method))),
    }[place]
    with patch.object(target, name, stand_in):
        do()


def start(settings: Settings, tenant_id: str, open_from: date, place: str) -> BaseProcess:
    """Start a poster, to be killed at the place."""
    do = partial(posting.post_orders, tenant_id, open_from=open_from, held=(), by="killed", settings=settings)
    return _start(do, "post", place)


def start_invoicing(settings: Settings, tenant_id: str, month: Month, place: str) -> BaseProcess:
    """Start an invoicer of a month, to be killed at the place."""
    do = partial(invoicing.invoice_month, tenant_id, month, by="killed", settings=settings)
    return _start(do, "invoice", place)


def _start(do: Callable[[], Any], what: str, place: str) -> BaseProcess:
    """Start the work in a fresh process, forked from a server that has the modules loaded."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.integration.finance.killing"])
    process = context.Process(target=work, args=(do, what, place), daemon=True)
    process.start()
    return process
