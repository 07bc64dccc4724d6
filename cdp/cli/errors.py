"""Errors as the operator sees them: one clear line on stderr."""

from __future__ import annotations

import os
import sys

import click


class CliError(click.ClickException):
    """A refusal: one line on stderr, exit code 1."""

    def show(self, file: object = None) -> None:
        click.echo(f"cdp: {self.format_message()}", err=True)


def run(command: click.Command) -> None:
    """Run the command; known errors become one line, a closed pipe a quiet end."""
    try:
        command.main(standalone_mode=False)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.Abort:
        click.echo("cdp: stopped", err=True)
        sys.exit(1)
    except click.UsageError as error:
        error.show()
        sys.exit(2)
    except click.ClickException as error:
        click.echo(f"cdp: {error.format_message()}", err=True)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if os.environ.get("CDP_DEBUG") == "1" or not _known(error):
            raise
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        click.echo(f"cdp: {line}", err=True)
        sys.exit(1)


def _known(error: Exception) -> bool:
    """Whether the error's own text is meant for the operator."""
    from sqlalchemy.exc import SQLAlchemyError

    from cdp.config import ConfigError
    from cdp.definitions import DefinitionError
    from cdp.store import StoreBusy
    from cdp.store.config_rows import NameTaken
    from cdp.store.defined.defining import NoSuchDefinition, StaleVersion, StillUsed
    from cdp.store.migrate import StoreTooNew

    kinds = (
        ConfigError, StoreBusy, NameTaken, StoreTooNew, DefinitionError, NoSuchDefinition,
        StaleVersion, StillUsed, OSError, SQLAlchemyError,
    )  # fmt: skip
    return isinstance(error, kinds)
