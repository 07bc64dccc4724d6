"""Every setting, typed and documented, in one place.

Flags win over the environment (``CDP_…``), the environment over ``cdp.toml`` in
the working folder, that over the defaults below. ``cdp config`` prints them.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import MISSING, dataclass, field, fields
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Any

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


class ConfigError(ValueError):
    """A setting has a value that can't be used; the text says which and why."""


def _setting(default: Any, doc: str, secret: bool = False) -> Any:
    return field(default=default, metadata={"doc": doc, "secret": secret})


@dataclass(frozen=True)
class Settings:
    """The settings of one process. `Settings.load` gathers them."""

    data: Path = _setting(Path("data"), "Folder of the databases, the log and plugins.")
    host: str = _setting("127.0.0.1", "Address to listen on.")
    port: int = _setting(8321, "Port to listen on; 0 takes a free one.")
    database_url: str | None = _setting(
        None,
        "postgresql://… to keep the store in Postgres; SQLite in the data folder if unset.",
        True,
    )
    redis_url: str | None = _setting(None, "redis://… to hand delivery to `cdp worker`.", True)
    write_key: str | None = _setting(None, "Write key of the first source of an empty store.", True)
    api_token: str | None = _setting(None, "First API token of an empty store, all scopes.", True)
    allow_private_addresses: bool = _setting(
        False, "Let destinations call loopback and private addresses (for development)."
    )
    public_url: str | None = _setting(None, "The address by which browsers reach this server.")
    tracking_url: str | None = _setting(
        None,
        "The address in links and pages of messages, where it is one of its own; must lead here.",
    )
    trusted_proxies: tuple[str, ...] = _setting(
        (),
        "Addresses or networks whose X-Forwarded-* headers are believed, comma-separated.",
    )
    tls_cert: Path | None = _setting(None, "PEM certificate, to serve HTTPS without a proxy.")
    tls_key: Path | None = _setting(None, "PEM key of the certificate.")
    plugins_dir: Path | None = _setting(None, "Folder of plugins; `plugins` in the data folder.")
    web_threads: int = _setting(32, "Requests handled at the same time by a web process.")
    open_streams: int = _setting(
        32,
        "Streams (live in-app messages) that a web process holds open, each with a thread "
        "beside web_threads; 0 lets clients poll.",
    )
    log_queue: int = _setting(4096, "Requests that may wait for the log before 429 is answered.")
    log_segment_mb: int = _setting(64, "Size at which a new file of the log is begun.")
    batch_messages: int = _setting(
        4000, "Messages in a micro-batch of the pipeline at most; it grows while many wait."
    )
    partition_messages: int = _setting(
        500_000,
        "Messages in a partition of the history; keeps the indexes being written small.",
    )
    columnar_history: bool = _setting(
        False,
        "Copy what definitions read of closed partitions into Parquet files, for DuckDB to "
        "answer large questions; needs headwater[duckdb] and the store in SQLite.",
    )
    enrich_deadline_ms: int = _setting(
        500, "What the enrichers together may take for 500 messages."
    )
    rejected_days: int = _setting(30, "Days for which refused messages are kept.")
    truncate_ip: bool = _setting(
        False, "Keep IP addresses without their last octet (IPv6: last 80 bits)."
    )
    events_days: int = _setting(
        0, "Days for which track, page and screen events are kept; 0 keeps them."
    )
    event_days: tuple[str, ...] = _setting(
        (),
        "Days for events by name, which go before events_days: `Name=30,page:Home=7`.",
    )
    journey_days: int = _setting(
        0,
        "Days after its end for which it is kept how a run of a journey went, and why; "
        "0: as long as events (events_days).",
    )
    anonymous_days: int = _setting(
        0, "Days without activity after which anonymous people are dropped; 0 keeps them."
    )
    delete_within_hours: float = _setting(
        24.0, "Hours within which a deleted person is gone to the last byte."
    )
    query_seconds: float = _setting(
        60.0, "How long a query of a computed trait may take before it is ended."
    )
    query_rows: int = _setting(500_000, "Rows that a query of a computed trait may return.")
    warehouses: dict[str, str] = field(
        default_factory=dict,
        hash=False,
        metadata={
            "doc": "Databases that traits by SQL may ask: a name and an SQLAlchemy URL each, "
            "in `cdp.toml` under `[warehouses]`.",
            "secret": True,
            "variable": "CDP_WAREHOUSE_NAME",
        },
    )
    calls_kept: int = _setting(10_000, "Calls kept in the log of each destination.")
    message_copies_days: int = _setting(
        90, "Days for which a copy of each message is kept as it was sent."
    )
    withheld_events: int = _setting(
        10_000,
        "Withheld messages of one broadcast of which events tell; those over it are counted alone.",
    )
    images_mb: int = _setting(
        1024, "Space for the images of messages, in all; what is over it is refused."
    )
    retry_hours: float = _setting(
        4.0, "How long an item is retried before it is dead (Segment: 4 h)."
    )

    @classmethod
    def load(cls, env: dict[str, str] | None = None, **flags: Any) -> Settings:
        """Gather flags, environment and ``cdp.toml``; `ConfigError` names what is wrong."""
        env = dict(os.environ) if env is None else env
        file = _read_file(Path(env.get("CDP_CONFIG", "cdp.toml")), "CDP_CONFIG" in env)
        values: dict[str, Any] = {}
        for item in fields(cls):
            name = item.name
            variable = "CDP_" + name.upper()
            if name == "warehouses":
                values[name] = _warehouses(file.get(name, {}), env)
            elif flags.get(name) is not None:
                values[name] = _convert(item.type, flags[name], "--" + name.replace("_", "-"))
            elif variable in env:
                values[name] = _convert(item.type, env[variable], variable)
            elif name in file:
                values[name] = _convert(item.type, file[name], f"cdp.toml: {name}")
        unknown = set(file) - {item.name for item in fields(cls)}
        if unknown:
            raise ConfigError(f"cdp.toml: unknown setting {sorted(unknown)[0]!r}")
        settings = cls(**values)
        settings._check()
        return settings

    def _check(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port must be 0 to 65535, not {self.port}")
        for network in self.trusted_proxies:
            try:
                ip_network(network, strict=False)
            except ValueError:
                raise ConfigError(
                    f"trusted_proxies: {network!r} is no address or network"
                ) from None
        if self.database_url and not self.database_url.startswith(("postgresql", "postgres:")):
            raise ConfigError("database_url must begin with postgresql://")
        if self.columnar_history and self.database_url:
            raise ConfigError("columnar_history needs the store in SQLite: leave database_url out")
        if self.columnar_history and not (find_spec("duckdb") and find_spec("pyarrow")):
            raise ConfigError("columnar_history needs DuckDB: pip install 'headwater[duckdb]'")
        days = (self.events_days, self.journey_days, self.anonymous_days)
        if min(*days, *self.event_days_by_name.values()) < 0:
            raise ConfigError("days can't be negative")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ConfigError("tls_cert and tls_key go together")
        if self.open_streams < 0:
            raise ConfigError("open_streams can't be negative")
        for name in ("images_mb", "withheld_events"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} can't be negative")
        for name in ("web_threads", "log_queue", "log_segment_mb", "batch_messages"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1")

    @property
    def images_room(self) -> int:
        """How many bytes the images of messages may have in all."""
        return self.images_mb << 20

    @property
    def event_days_by_name(self) -> dict[str, int]:
        """Days for which events of a name are kept. Raises `ConfigError`."""
        found: dict[str, int] = {}
        for item in self.event_days:
            name, equals, days = item.rpartition("=")
            if not equals or not name.strip() or not days.strip().isdigit():
                raise ConfigError(f"event_days takes Name=days, not {item!r}")
            found[name.strip()] = int(days)
        return found

    @property
    def plugin_folder(self) -> Path:
        """Where single-file plugins are looked for."""
        return self.plugins_dir or self.data / "plugins"


def _read_file(path: Path, needed: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except FileNotFoundError:
        if needed:
            raise ConfigError(f"{path} does not exist") from None
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None


_WAREHOUSE, _WAREHOUSE_NAME = "CDP_WAREHOUSE_", re.compile(r"[a-z][a-z0-9_]{0,59}")


def _warehouses(file: Any, env: dict[str, str]) -> dict[str, str]:
    """The addresses of the table ``[warehouses]``, and of ``CDP_WAREHOUSE_…`` over them.

    No message holds an address: there may be a password in it.
    """
    if not isinstance(file, dict):
        raise ConfigError('cdp.toml: warehouses is a table: [warehouses], then main = "…://…"')
    said = {f"cdp.toml: warehouses.{name}": (str(name), url) for name, url in file.items()}
    for variable, url in env.items():
        if variable.startswith(_WAREHOUSE):
            said[variable] = (variable.removeprefix(_WAREHOUSE).lower(), url.strip())
    found: dict[str, str] = {}
    for where, (name, url) in said.items():
        if not _WAREHOUSE_NAME.fullmatch(name):
            raise ConfigError(f"{where}: a warehouse's name is small letters, digits and _")
        if not isinstance(url, str) or (url and "://" not in url):
            raise ConfigError(f"{where}: must be an address like postgresql://user@host/database")
        found[name] = url
    return {name: url for name, url in found.items() if url}


def _convert(type_: Any, value: Any, where: str) -> Any:
    kind = str(type_)
    try:
        if kind == "bool":
            text = str(value).strip().lower()
            if text in _TRUE or text in _FALSE:
                return text in _TRUE
            raise ValueError(f"{value!r} is neither 0 nor 1")
        if kind.startswith("tuple"):
            parts = value.split(",") if isinstance(value, str) else value
            return tuple(str(part).strip() for part in parts if str(part).strip())
        if kind in ("int", "float"):
            return _number(value, kind)
        text = str(value)
        if "None" in kind and not text:
            return None
        return Path(text) if kind.startswith("Path") else text
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from None


def _number(value: Any, kind: str) -> int | float:
    try:
        return int(value) if kind == "int" else float(value)
    except (TypeError, ValueError):
        wanted = "a whole number" if kind == "int" else "a number"
        raise ValueError(f"must be {wanted}, not {value!r}") from None


def describe(settings: Settings) -> list[dict[str, Any]]:
    """One row a setting: name, variable, value (secrets masked), default, meaning."""
    rows = []
    for item in fields(settings):
        value = getattr(settings, item.name)
        shown = "••••" if item.metadata["secret"] and value else value
        default = item.default
        if default is MISSING:
            shown, default = tuple(f"{name}=••••" for name in value), None
        if isinstance(shown, tuple):
            shown = ",".join(shown)
        rows.append(
            {
                "name": item.name,
                "variable": item.metadata.get("variable", "CDP_" + item.name.upper()),
                "value": str(shown) if isinstance(shown, Path) else shown,
                "default": str(default) if isinstance(default, Path) else default,
                "meaning": item.metadata["doc"],
            }
        )
    return rows
