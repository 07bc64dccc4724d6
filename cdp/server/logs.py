"""Where the program's own log goes."""

from __future__ import annotations

import sys
from typing import Any

import structlog


def log_to_stderr() -> None:
    """Send the program's own log to stderr, so that stdout keeps its promises.

    Tracebacks come without the values of variables: those are tokens and secrets too.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.StackInfoRenderer(),
            structlog.dev.set_exc_info,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(),
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ],
        logger_factory=_printer,
    )


def _printer(*_names: Any) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)
