"""``cdp images``: the images that messages show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cdp.cli.common import author, json_option, now_ms, open_store, print_rows, store_options
from cdp.cli.errors import CliError

_COLUMNS = ["hash", "name", "type", "width", "height", "size", "address"]


def _row(settings: Any, found: Any) -> dict[str, Any]:
    from cdp.delivery.messages.letters import base_url

    return {**found._asdict(), "address": f"{base_url(settings)}{found.path}"}


@click.group()
def images() -> None:
    """Images that messages show: list, add, remove."""


@images.command("list")
@store_options
@click.option("--limit", default=200, type=click.IntRange(1, 10_000), help="How many at most.")
@json_option
def list_(limit: int, as_json: bool, **where: Any) -> None:
    """List images, the last one first. Example: cdp images list"""
    from cdp.store.messages import images as kept

    settings, store = open_store(**where)
    with store.read() as tx:
        rows = [_row(settings, one) for one in kept.newest(tx, limit)]
    print_rows(rows, as_json, _COLUMNS)


@images.command()
@store_options
@click.argument("file", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@json_option
def add(file: tuple[Path, ...], as_json: bool, **where: Any) -> None:
    """Keep images of files, and tell their addresses. Example: cdp images add logo.png"""
    from cdp.messaging.images import MAX_BYTES, BadImage, read_image
    from cdp.store.messages import images as kept

    settings, store = open_store(**where)
    rows = []
    try:
        for path in file:
            with path.open("rb") as source:
                image = read_image(source.read(MAX_BYTES + 1))
            with store.write() as tx:
                name, room = path.stem[:100], settings.images_room
                made = kept.add(tx, now_ms(), author(), name, image, room)
            rows.append(_row(settings, made))
    except (BadImage, kept.NoRoom) as error:
        raise CliError(f"{path}: {error}") from None
    finally:
        if rows:
            print_rows(rows, as_json, _COLUMNS)


@images.command()
@store_options
@click.argument("hash_", metavar="HASH")
def remove(hash_: str, **where: Any) -> None:
    """Remove an image that nothing shows. Example: cdp images remove 3f2a…"""
    from cdp.store.messages import images as kept

    _, store = open_store(**where)
    try:
        with store.write() as tx:
            gone = kept.remove(tx, now_ms(), author(), hash_)
    except kept.ImageUsed as used:
        raise CliError(f"it is shown by {used}") from None
    if not gone:
        raise CliError(f"there is no image {hash_}")
