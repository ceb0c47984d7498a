"""A poster, or whoever closes or invoices a month, in an own process, to be killed at a given place."""

import os
import signal
from collections.abc import Callable
from datetime import date
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any
from unittest.mock import patch

from include.feeds import decision, load
from include.finance.closing import close
from include.finance.ledger import invoicing, posting
from include.finance.ledger.statements import Month
from include.settings import Settings

PLACES = ("before landing", "landed", "loaded", "recorded")


def work(settings: Settings, tenant_id: str, open_from: date, place: str) -> None:
    """Post, and die by SIGKILL: before or after entries are landed, before or after their load commits."""
    with _dying(posting.Ledger, "land", place):
        posting.post_orders(tenant_id, open_from=open_from, held=set(), by="killed", settings=settings)


def invoice_and_die(settings: Settings, tenant_id: str, month: Month, place: str) -> None:
    """Invoice a month, and die by SIGKILL at the same places."""
    with _dying(invoicing, "_land", place):
        invoicing.invoice_month(tenant_id, month, by="killed", settings=settings)


def _dying(recorder: Any, method: str, place: str) -> Any:
    """Stand in for what lands and loads, and for what records it, by the killing of this process."""
    target, name, stand_in = {
        "before landing": (decision, "land", die),
        "landed": (decision, "load_file", die),
        "loaded": (decision, "load_file", _then_die(load.load_file)),
        "recorded": (recorder, method, _then_die(getattr(recorder, method))),
    }[place]
    return patch.object(target, name, stand_in)


def close_and_die(settings: Settings, tenant_id: str, month: str, feed: str, place: str) -> None:
    """Close a month, and die by SIGKILL when a book is landed or loaded."""

    def at_feed(do: Callable[..., Any], instead: Callable[..., Any]) -> Callable[..., Any]:
        def done(*given: Any, **options: Any) -> Any:
            is_it = feed in given or feed in options.get("feeds", {})
            return (instead if is_it else do)(*given, **options)

        return done

    name, instead = {
        "before landing": ("land", die),
        "landed": ("load_file", die),
        "loaded": ("load_file", _then_die(load.load_file)),
    }[place]
    with patch.object(decision, name, at_feed(getattr(decision, name), instead)):
        close.close_period(settings, tenant_id, month, by="killed", reason="none")


def die(*_: Any, **__: Any) -> None:
    """Die at once."""
    os.kill(os.getpid(), signal.SIGKILL)


def _then_die(do: Callable[..., Any]) -> Callable[..., Any]:
    def done(*given: Any, **options: Any) -> None:
        do(*given, **options)
        die()

    return done


def start(task: Callable[..., None], *given: Any) -> BaseProcess:
    """Start a task in a fresh process, forked from a server that has the modules loaded."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.integration.finance.killing"])
    process = context.Process(target=task, args=given, daemon=True)
    process.start()
    return process
