"""``cdp serve``, ``cdp web`` and ``cdp worker``."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from cdp.cli.errors import CliError
from cdp.config import Settings


def _options(command: Any) -> Any:
    for option in (
        click.option("--data", type=click.Path(path_type=Path), help="Folder of the data."),
        click.option("--host", help="Address to listen on."),
        click.option("--port", type=int, help="Port to listen on; 0 takes a free one."),
        click.option("--database-url", help="postgresql://… instead of SQLite."),
        click.option("--redis-url", help="redis://… to hand delivery to workers."),
        click.option("--public-url", help="The address by which browsers reach this server."),
        click.option("--trusted-proxies", help="Proxies whose X-Forwarded-* are believed."),
        click.option("--tls-cert", type=click.Path(path_type=Path), help="PEM certificate."),
        click.option("--tls-key", type=click.Path(path_type=Path), help="PEM key."),
    ):
        command = option(command)
    return command


@click.command()
@_options
@click.option("--welcome", is_flag=True, help="Also print the console's address, keys and a curl.")
def serve(welcome: bool, **flags: Any) -> None:
    """Run everything on one box: web server, pipeline and delivery.

    Prints one line ``ready http://HOST:PORT`` when it accepts events.

    Example: cdp serve --data ./data --port 8321
    """
    from cdp.server.bootstrap import Welcome
    from cdp.server.logs import log_to_stderr
    from cdp.server.supervise import CannotServe, local_url
    from cdp.server.supervise import serve as run

    log_to_stderr()

    def announce(settings: Settings, found: Welcome) -> None:
        if welcome:
            _print_welcome(settings, local_url(settings), found)
        else:
            _tell_keys(settings, found)
        click.echo(f"ready {local_url(settings)}")
        sys.stdout.flush()

    try:
        code = run(Settings.load(**flags), announce)
    except CannotServe as error:
        raise CliError(str(error)) from None
    if code:
        raise click.exceptions.Exit(code)


def _print_welcome(settings: Settings, url: str, found: Any) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True, highlight=False)
    body = json.dumps(
        {"userId": "ada", "traits": {"name": "Ada Lovelace", "email": "ada@example.com"}}
    )
    another = f"`{_command(settings, 'config token new')}` makes another"
    token = found.api_token or f"shown at the first start; {another}"
    rows = [
        ("console", url + "/"),
        ("write key", found.write_key),
        ("API token", token),
    ]
    for name, value in rows:
        console.print(Text.assemble((f"{name:>10}  ", "dim"), (value, "bold cyan")))
    console.print(Text("\nsend a first event:", style="dim"))
    console.print(
        Text(
            f"curl -u {found.write_key}: -H 'content-type: application/json' "
            f"-d '{body}' {url}/v1/identify",
            style="green",
        )
    )
    console.print()


def _command(settings: Settings, words: str) -> str:
    """A command over this store, as it can be pasted where the server was started."""
    program = "cdp" if shutil.which("cdp") == shutil.which(sys.argv[0]) else sys.argv[0]
    data = [] if settings.data == Settings.load().data else ["--data", str(settings.data)]
    return shlex.join([program, *words.split(), *data])


@click.command()
@_options
def web(**flags: Any) -> None:
    """Run only the web server, any number of them over one Postgres.

    Example: cdp web --database-url postgresql://db/cdp --host 0.0.0.0
    """
    from cdp.server.web import run_web

    run_web(_prepared(flags))


@click.command()
@_options
def worker(**flags: Any) -> None:
    """Run only the pipeline and delivery, over the store of `cdp web`.

    Example: cdp worker --database-url postgresql://db/cdp --redis-url redis://queue
    """
    from cdp.server.work import run_worker

    run_worker(_prepared(flags))


def _prepared(flags: dict[str, Any]) -> Settings:
    """The settings, with a store that is up to date; whoever comes first prepares it."""
    from cdp.server.bootstrap import bootstrap
    from cdp.server.logs import log_to_stderr
    from cdp.store import Store

    log_to_stderr()
    settings = Settings.load(**flags)
    # The log is in it also where the store is in Postgres; it is nobody else's.
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = Store.open(settings)
    _tell_keys(settings, bootstrap(store, settings))
    store.close()
    return settings


def _tell_keys(settings: Settings, found: Any) -> None:
    if found.api_token and not settings.api_token:
        click.echo(f"write key {found.write_key}\nAPI token {found.api_token}", err=True)
