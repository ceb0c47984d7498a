"""The one settings object: read once from the environment and the local stack's own file."""

from functools import lru_cache
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.sources import DotEnvSettingsSource

PROJECT_ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Where things stand and who connects as whom.

    Every field is read from ``SOKOL_<NAME>``; what is not in the environment is taken from
    ``<home>/local.env``, which the local stack writes with its port and passwords.
    """

    model_config = SettingsConfigDict(env_prefix="SOKOL_", extra="ignore", frozen=True)

    home: Path = PROJECT_ROOT / ".sokol"

    warehouse_host: str = "127.0.0.1"
    warehouse_port: int = 5432
    warehouse_database: str = "sokol"
    admin_user: str = "postgres"
    admin_password: SecretStr = SecretStr("")
    loader_user: str = "sokol_loader"
    loader_password: SecretStr = SecretStr("")
    transformer_user: str = "sokol_transformer"
    transformer_password: SecretStr = SecretStr("")
    reader_user: str = "sokol_reader"
    reader_password: SecretStr = SecretStr("")

    landing_url: str = ""
    sources_dir: Path = Path()
    demo_dir: Path = Path()
    data_dir: Path = Field(default=PROJECT_ROOT.parent / "shared" / "data", validation_alias="SOKOL_DATA")

    token_keys: SecretStr = SecretStr("")
    """Keys of tracking tokens as ``id:secret,id:secret``, the signing one first; secrets are base64url."""

    loader_memory_mb: int = 1000
    """Memory that DuckDB may use while it validates a file, in MB."""

    quarantine_share: float = 0.05
    """Share of a load's rows that may wait in quarantine before the gate of raw stops the line, 0 to 1."""
    quarantine_share_by_feed: dict[str, float] = {}
    """The same for single feeds, as JSON: ``{"clicks": 0.2}``."""
    exclusive_sources: tuple[str, ...] = ()
    """Sources that hold one customer record per person at most, as JSON; their records are never joined."""
    minutes_to_load: int = 30
    """Minutes from landing to raw after which the gate of raw warns that a load is late."""
    smallest_mart_share: float = 0.5
    """Share of its rows at the last passed gate that a mart must still have, 0 to 1."""

    exports_url: str = ""
    """Folder of what is written for people, such as the finance packs, local or any fsspec URL."""
    alert_urls: SecretStr = SecretStr("")
    """Where alerts go: URLs of Apprise (``mailtos://…``), split by spaces; to the log alone when empty."""

    clv_shard_customers: int = 250_000
    """Customers that a forecast model learns from, and that are forecast at once; fewer need less memory."""
    mlflow_uri: str = ""
    """Where training runs are written down: a folder of files (``file:…``) or a server."""

    def model_post_init(self, _context: object) -> None:
        """Derive what the environment did not name from ``home``."""
        defaults = {
            "landing_url": str(self.home / "landing"),
            "sources_dir": self.home / "sources",
            "demo_dir": self.home / "demo",
            "exports_url": str(self.home / "exports"),
            "mlflow_uri": f"file:{self.home / 'clv' / 'mlruns'}",
        }
        for field, value in defaults.items():
            if field not in self.model_fields_set:
                object.__setattr__(self, field, value)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the environment first and ``<home>/local.env`` second."""
        home = init_settings().get("home") or env_settings().get("home") or PROJECT_ROOT / ".sokol"
        local = DotEnvSettingsSource(settings_cls, env_file=Path(str(home)) / "local.env")
        return init_settings, env_settings, local


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process; the environment is read once."""
    return Settings()
