"""A loader in a process of its own, to be killed: at a boundary by itself, or from outside at any time."""

import os
import signal
from multiprocessing import get_context
from multiprocessing.process import BaseProcess

from include.feeds.load import load_pending
from include.settings import Settings
from include.warehouse import connect
from tests.integration.feeds import universe as u


def files() -> list[u.Given]:
    """Return files of every feed in which rows repeat, restate, conflict, are refused, vanish."""

    def bill(id_: str, day: int, amount: str, currency: str = "USD") -> u.Row:
        version = f"2026-01-0{day}T10:00:00Z"
        return {"id": id_, "status": "paid", "currency": currency, "amount": amount, "version": version}

    def touch(id_: str, day: int, note: str) -> u.Row:
        return {"id": id_, "note": note, "happened_at": f"2026-01-0{day}T10:00:00Z"}

    def spend(day: str, id_: str, amount: str) -> u.Row:
        return {"account": "m", "day": day, "id": id_, "amount": amount}

    many = tuple(touch(f"t{n}", 1 + n % 9, "many") for n in range(2000))
    mixed = tuple(bill(f"b{n}", 1, "1.5", "USD" if n % 7 else "VND") for n in range(300))
    return [
        u.Given("touches", 0, "touches-0", (*many, touch("t1", 3, "later"), touch("t2", 1, "earlier"))),
        u.Given("bills", 0, "bills-0", mixed),
        u.Given("spend", 0, "spend-0", (spend("2026-01-01", "a", "1"), spend("2026-01-01", "b", "2"))),
        u.Given(
            "entries",
            1,
            "entries-1",
            (*(u.entry(f"e{n}", 2, "1.25") for n in range(500)), u.entry("e1", 1, "7")),
        ),
        u.Given(
            "entries", 0, "entries-0", (u.entry("e2", 2, "1.25"), u.entry("e3", 1, "9"), u.entry("f", 1, "2"))
        ),
        u.Given("touches", 1, "touches-1", (touch("t3", 1, "earlier"), touch("t4", 9, "later"), many[7])),
        u.Given("bills", 1, "bills-1", tuple(bill(f"b{n}", 2, "2.5") for n in range(200))),
        u.Given("spend", 1, "spend-1", (spend("2026-01-01", "a", "3"), spend("2026-01-02", "b", "2"))),
    ]


def work(settings: Settings, die_at: str | None, occurrence: int) -> None:
    """Land all files and load what is pending; die by SIGKILL at a boundary's nth passing."""
    passed = 0

    def step(name: str) -> None:
        nonlocal passed
        if name == die_at:
            passed += 1
            if passed == occurrence:
                os.kill(os.getpid(), signal.SIGKILL)

    for given in files():
        given.land(settings, step)
    with connect("loader", settings) as warehouse:
        load_pending(warehouse, settings=settings, contracts=u.CONTRACTS, step=step)


def start(settings: Settings, die_at: str | None = None, occurrence: int = 1) -> BaseProcess:
    """Start the loader in a fresh process, forked from a server that has the modules loaded."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.integration.feeds.killing"])
    process = context.Process(target=work, args=(settings, die_at, occurrence), daemon=True)
    process.start()
    return process
