"""Sample data: a small shop's life, so that nobody starts before an empty page.

It comes in through the log like everything else, as history, from a source of its
own called ``demo``, and can be removed whole.
"""

from cdp.demo.load import Demo

__all__ = ["Demo"]
