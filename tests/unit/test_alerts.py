"""Alerts reach mail and web services with their attachment, and a service that fails is named."""

import base64
import json
import logging
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from include import alerts
from include.settings import Settings

SECRET = "hunter2"


class Mailbox(socketserver.StreamRequestHandler):
    """As much of SMTP as a sender needs; what was received is kept in ``server.kept``."""

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        while line := self.rfile.readline():
            command = line.strip().upper()
            if command.startswith(b"QUIT"):
                self.wfile.write(b"221 bye\r\n")
                return
            if command != b"DATA":
                self.wfile.write(b"250 ok\r\n")
                continue
            self.wfile.write(b"354 go on\r\n")
            received = b"".join(iter(self.rfile.readline, b".\r\n"))
            self.server.kept.append(received)  # type: ignore[attr-defined]
            self.wfile.write(b"250 kept\r\n")


class Hook(BaseHTTPRequestHandler):
    """Takes a message by HTTP, or refuses it where the path says so."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "refuse" in self.path:
            self.send_response(503)
        else:
            self.server.kept.append(body)  # type: ignore[attr-defined]
            self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[tuple[int, list[bytes]]]:
    """Give the port of a server that runs meanwhile, and what it is sent."""
    kept: list[bytes] = []
    server.kept = kept  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1], kept
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def mailbox() -> Iterator[tuple[int, list[bytes]]]:
    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mailbox)) as given:
        yield given


@pytest.fixture
def hook() -> Iterator[tuple[int, list[bytes]]]:
    with serving(HTTPServer(("127.0.0.1", 0), Hook)) as given:
        yield given


@pytest.fixture
def alert(tmp_path: Path) -> alerts.Alert:
    (tmp_path / "pack.xlsx").write_bytes(b"PK\x03\x04 a pack")
    return alerts.Alert("lotus: 2 breaks", "missing_in_bank: 2\nVND 1,000 = 5 % <b>", "warning",
                        [tmp_path / "pack.xlsx"])  # fmt: skip


def to(*urls: str) -> Settings:
    return Settings.model_validate({"alert_urls": SecretStr(" ".join(urls))})


def mail_url(port: int) -> str:
    return f"mailto://127.0.0.1:{port}?from=sokol@shop.example&to=finance@shop.example&smtp=127.0.0.1"


def test_a_mail_has_the_text_as_it_is_and_the_file(
    mailbox: tuple[int, list[bytes]], alert: alerts.Alert
) -> None:
    port, kept = mailbox
    assert alerts.send(alert, to(mail_url(port))) == "to 1 service"
    [mail] = kept
    message: Message = message_from_bytes(mail, policy=default)
    assert message["Subject"] == alert.title
    parts = [part for part in message.walk() if not part.is_multipart()]
    [attached] = [part for part in parts if part.get_filename() == "pack.xlsx"]
    assert attached.get_payload(decode=True) == b"PK\x03\x04 a pack"
    texts = [part.get_payload(decode=True) for part in parts if part.get_content_maintype() == "text"]
    assert any(b"1,000 = 5 %" in text for text in texts if isinstance(text, bytes))


def test_a_web_service_gets_it_too(hook: tuple[int, list[bytes]], alert: alerts.Alert) -> None:
    port, kept = hook
    assert alerts.send(alert, to(f"json://127.0.0.1:{port}", f"json://127.0.0.1:{port}/b")) == "to 2 services"
    for body in kept:
        said = json.loads(body)
        assert (said["title"], said["message"], said["type"]) == (alert.title, alert.text, "warning")
        assert base64.b64decode(said["attachments"][0]["base64"]) == b"PK\x03\x04 a pack"
    assert len(kept) == 2


def test_without_a_service_it_goes_to_the_log(alert: alerts.Alert, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert "log" in alerts.send(alert, to())
    assert alert.title in caplog.text
    assert alert.text in caplog.text


def test_a_service_that_fails_is_named_and_the_others_have_it(
    hook: tuple[int, list[bytes]], alert: alerts.Alert
) -> None:
    port, kept = hook
    urls = [f"json://user:{SECRET}@127.0.0.1:{port}/refuse", f"json://127.0.0.1:{port}"]
    with pytest.raises(alerts.AlertError, match=r"1 of 2 services .*URL 1, JSON: .*503") as error:
        alerts.send(alert, to(*urls))
    assert SECRET not in str(error.value)
    assert len(kept) == 1


def test_an_unknown_url_is_refused_before_anything_is_sent(
    hook: tuple[int, list[bytes]], alert: alerts.Alert
) -> None:
    port, kept = hook
    with pytest.raises(alerts.AlertError, match=r"URL 2 .* none that Apprise knows") as error:
        alerts.send(alert, to(f"json://127.0.0.1:{port}", f"nothing://{SECRET}"))
    assert SECRET not in str(error.value)
    assert kept == []


def test_a_file_that_is_gone_is_a_failure(hook: tuple[int, list[bytes]], tmp_path: Path) -> None:
    port, kept = hook
    gone = alerts.Alert("title", "text", "failure", [tmp_path / "gone.xlsx"])
    with pytest.raises(alerts.AlertError):
        alerts.send(gone, to(f"json://127.0.0.1:{port}"))
    assert kept == []
