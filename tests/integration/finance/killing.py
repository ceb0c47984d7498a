"""A poster, or whoever closes a month, in a process of its own, to be killed at a given place."""

import os
import signal
from collections.abc import Callable
from datetime import date
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any
from unittest.mock import patch

from include.feeds import decision, load
from include.finance import close, posting
from include.settings import Settings

PLACES = ("before landing", "landed", "loaded", "recorded")


def work(settings: Settings, tenant_id: str, open_from: date, place: str) -> None:
    """Post, and die by SIGKILL: before or after entries are landed, before or after their load commits."""
    target, name, stand_in = {
        "before landing": (decision, "land", die),
        "landed": (decision, "load_file", die),
        "loaded": (decision, "load_file", _then_die(load.load_file)),
        "recorded": (posting.Ledger, "land", _then_die(posting.Ledger.land)),
    }[place]
    with patch.object(target, name, stand_in):
        posting.post_orders(tenant_id, open_from=open_from, held=set(), by="killed", settings=settings)


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
