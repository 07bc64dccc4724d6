"""Access tokens of OAuth 2, fetched when needed and kept until they end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from cdp.plugin.errors import Reject, Retry, Stop, Unanswered, from_response
from cdp.plugin.http import GuardedHTTP

#: A token is fetched anew this long before it ends.
EARLY_S = 60.0
#: How long one holds that doesn't say.
USUAL_S = 3600.0


class AccessToken:
    """A bearer token from ``url``, which ``form`` is posted to; for many threads.

    As nothing but the token was asked for, whatever goes wrong means later, or never.
    """

    def __init__(
        self,
        http: GuardedHTTP,
        url: str,
        form: Callable[[], Mapping[str, str]],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._http, self._url, self._form = http, url, form
        self._headers = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
        self._lock = threading.Lock()
        self._token, self._ends = "", 0.0

    def get(self) -> str:
        """The token. `Retry` if there is none for now, `Stop` if it is refused."""
        with self._lock:
            if not self._token or self._ends <= time.monotonic():
                self._token, lasts = self._fetch()
                self._ends = time.monotonic() + max(0.0, lasts - EARLY_S)
            return self._token

    def drop(self, token: str) -> None:
        """``token`` was refused: the next one is another."""
        with self._lock:
            if token == self._token:
                self._token = ""

    def _fetch(self) -> tuple[str, float]:
        body = urlencode(dict(self._form())).encode()
        try:
            answer = self._http.request("POST", self._url, body, self._headers, show=False)
        except Unanswered as error:
            raise Retry(str(error)) from None
        except Reject as error:
            raise Stop(str(error)) from None
        try:
            found = json.loads(answer.body)
        except ValueError:
            found = None
        found = found if isinstance(found, dict) else {}
        said = ": ".join(
            found[name]
            for name in ("error", "error_description")
            if isinstance(found.get(name), str)
        )
        problem = from_response(
            answer.status, answer.headers, f"no access token: {said or answer.status}"[:300]
        )
        if isinstance(problem, Retry):
            raise problem
        token = found.get("access_token")
        if problem is not None or not isinstance(token, str) or not token:
            raise Stop(str(problem or "no access token: the answer has none in it"))
        lasts = found.get("expires_in")
        return token, float(lasts) if isinstance(lasts, int | float) else USUAL_S
