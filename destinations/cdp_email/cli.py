"""``cdp email receive``: hands mail from a mail server's pipe to Headwater."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import click
import requests

#: sysexits.h: the mail server keeps the message and tries again.
EX_TEMPFAIL = 75
#: More than this isn't handed over: reports come first in a message.
MAX_BYTES = 5_000_000
_SECONDS = 30


@click.group("email")
def email_group() -> None:
    """Email: mail that your mail server takes in for you."""


@email_group.command()
@click.option("--url", required=True, help="https://YOUR-SERVER/channels/NAME/bounce")
@click.option("--token-file", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A file with the inbound_token; else CDP_EMAIL_TOKEN is used.")  # fmt: skip
@click.option("--to", default="", help="The envelope's recipient (Postfix: ${recipient}).")
def receive(url: str, token_file: Path | None, to: str) -> None:
    """Hand a message on stdin over: a bounce, a complaint, a reply.

    Exit code 75 means "try again later": whatever goes wrong, the mail server keeps it.

    Example: cdp email receive --url https://cdp.example.org/channels/email/bounce < mail
    """
    token = token_file.read_text().strip() if token_file else os.environ.get("CDP_EMAIL_TOKEN", "")
    if not token:
        _later("no token: --token-file or CDP_EMAIL_TOKEN")
    data = sys.stdin.buffer.read(MAX_BYTES)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "message/rfc822"}
    try:
        answer = requests.post(
            url, data=data, headers=headers, params={"to": to} if to else None, timeout=_SECONDS,
            allow_redirects=False,
        )  # fmt: skip
    except requests.RequestException as error:
        _later(f"no answer: {error}")
    if answer.status_code != 200:
        _later(f"the answer was {answer.status_code}: {answer.text[:200]}")
    click.echo(answer.text)


def _later(why: str) -> NoReturn:
    click.echo(f"email receive: {why}", err=True)
    sys.exit(EX_TEMPFAIL)
