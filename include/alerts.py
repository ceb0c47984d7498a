"""Messages to people: by e-mail, Slack or whatever the URLs of ``SOKOL_ALERT_URLS`` name; else to the log."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from include.settings import Settings, get_settings

log = logging.getLogger(__name__)

SECONDS = 60
"""How long one service may take."""


class AlertError(RuntimeError):
    """A message did not reach every service; the text says which, without their passwords."""


@dataclass(frozen=True)
class Alert:
    """What people are told: a subject of one line, a plain text, and files for services that take any."""

    title: str
    text: str
    level: Literal["success", "warning", "failure"]
    files: Sequence[Path] = ()


def send(alert: Alert, settings: Settings | None = None) -> str:
    """Send a message to every service; to the log alone when none is configured.

    Args:
        alert: the message.
        settings: whose ``alert_urls`` name the services, as Apprise writes them (``mailtos://…``).

    Returns:
        Where it went, in a few words.

    Raises:
        AlertError: a URL is none that Apprise knows, or a service did not take the message. The others have
            it; sent again, they have it twice.
    """
    from apprise import Apprise, NotifyFormat, NotifyType  # imports a hundred services

    settings = settings or get_settings()
    level = logging.INFO if alert.level == "success" else logging.WARNING
    log.log(level, "%s\n%s", alert.title, alert.text)
    urls = settings.alert_urls.get_secret_value().split()
    if not urls:
        return "to the log alone, for SOKOL_ALERT_URLS names no service"
    services = []
    for number, url in enumerate(urls, 1):
        service = Apprise()
        if not service.add(url):
            raise AlertError(
                f"alert '{alert.title}': URL {number} of SOKOL_ALERT_URLS is none that Apprise knows, so"
                " nothing was sent; write it as https://appriseit.com/services/ says"
            )
        services.append(service)
    failed = []
    for number, service in enumerate(services, 1):
        done = service.notify(
            body=alert.text,
            title=alert.title,
            notify_type=NotifyType(alert.level),
            body_format=NotifyFormat.TEXT,
            attach=[str(file) for file in alert.files],
            timeout=SECONDS,
        )
        if not done:
            # A service's own address may hold its password, so it is told by its place and name.
            said = "; ".join(entry.message for entry in done.logs()) or done.status.name.lower()
            failed.append(f"URL {number}, {service[0].service_name}: {said}")
    if failed:
        raise AlertError(
            f"alert '{alert.title}': {len(failed)} of {len(services)} services of SOKOL_ALERT_URLS did not"
            f" take it ({' | '.join(failed)}); the others have it, and have it again when it is repeated"
        )
    return f"to {len(services)} service{'s' if len(services) > 1 else ''}"
