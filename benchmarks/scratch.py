"""A warehouse of one's own: an embedded Postgres in a temporary folder, prepared, and removed afterwards."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from include.local import environment, postgres
from include.settings import Settings
from include.warehouse import prepare


@contextmanager
def scratch_warehouse(prefix: str = "sokol-scratch-") -> Iterator[Settings]:
    """Give settings of a prepared, empty warehouse; its server and files are gone when the block ends."""
    home = Path(tempfile.mkdtemp(prefix=prefix))
    home.chmod(0o711)  # the server's own user has to reach its folder below
    try:
        postgres.start(home, port=0)
        values = environment.read(home)
        fields = {name.removeprefix("SOKOL_").lower(): value for name, value in values.items()}
        known = {name: value for name, value in fields.items() if name in Settings.model_fields}
        places = {
            "home": home,
            "landing_url": str(home / "landing"),
            "sources_dir": home / "sources",
            "demo_dir": home / "demo",
        }
        settings = Settings.model_validate({**known, **places})
        prepare(settings)
        yield settings
    finally:
        postgres.stop(home)
        shutil.rmtree(home, ignore_errors=True)
