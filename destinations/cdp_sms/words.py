"""What people answer with a single word: STOP, START, HELP."""

from __future__ import annotations

import unicodedata

STOP = ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT")
START = ("START", "YES", "UNSTOP")
HELP = ("HELP", "INFO")


class Words:
    """The words that opt out, opt in, and ask for help; case and dots don't matter."""

    def __init__(self, stop: list[str], start: list[str], help_: list[str]) -> None:
        self._kinds = {
            **{plain(word): "help" for word in help_},
            **{plain(word): "subscribed" for word in start},
            # A word that is in two lists means what is safe.
            **{plain(word): "unsubscribed" for word in stop},
        }

    def kind(self, text: str) -> str:
        """unsubscribed, subscribed, help, or replied."""
        return self._kinds.get(plain(text), "replied")


def plain(text: str) -> str:
    """``text`` as it is compared: ``"Stop." `` is STOP."""
    folded = unicodedata.normalize("NFKC", text).strip().strip(".!\"'„”“’ ")
    return " ".join(folded.split()).casefold()
