"""Which addresses destinations may call."""

import socket

import pytest

from cdp.plugin import Forbidden, Guard, GuardedHTTP, Retry
from cdp.plugin.guard import is_public
from cdp.plugin.testing import Answer, RecordingServer

INSIDE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "fe80::1",
    "fc00::1",
    "ff02::1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::7f00:1",
    "::7f00:1",
    "::ffff:169.254.169.254",
    "fd00:ec2::254",
    "fec0::1",
    "198.18.0.1",
    "192.0.0.192",
    "2002:7f00:1::",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_internal_address_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_an_address_of_the_open_internet_is(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost:8080/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://[::1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::ffff:a9fe:a9fe]/latest/meta-data/",
        "http://169.254.169.254/latest/meta-data/",
        "http://0xa9fea9fe/",
        "http://0251.0376.0251.0376/",
        "http://0/",
        "http://①②⑦.0.0.1/",
        "http://localhost./",
        "http://user:pass@127.0.0.1/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://",
    ],
)
def test_such_an_url_is_refused(url: str) -> None:
    with pytest.raises((Forbidden, Retry)):
        GuardedHTTP(Guard(), timeout=2).request("GET", url)


def test_a_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.5", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: found)
    with pytest.raises(Forbidden, match=r"internal address 10\.0\.0\.5"):
        Guard().check_url("http://innocent.example.com/")


def test_a_name_that_changes_its_mind_is_called_where_it_was_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with RecordingServer() as server:
        port = int(server.url.rsplit(":", 1)[1])
        answers = iter(["127.0.0.1", "192.0.2.1", "192.0.2.1"])
        real = socket.getaddrinfo

        def resolve(host: str, *args: object, **more: object) -> object:
            if host == "rebind.example.com":
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]
            return real(host, *args, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        http = GuardedHTTP(Guard(allow_private=True))
        assert http.request("GET", f"http://rebind.example.com:{port}/x").status == 200
    assert server.requests[0].headers["host"] == f"rebind.example.com:{port}"


def test_a_name_that_is_not_known_may_be_known_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_a: object, **_k: object) -> object:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(Retry, match="can't be resolved"):
        Guard().check_url("https://gone.example.com/")


def test_redirects_are_not_followed_and_large_answers_are_cut() -> None:
    away = Answer(302, {"Location": "http://169.254.169.254/latest"})
    with RecordingServer(away, Answer(200, body=b"x" * (3 << 20))) as server:
        http = GuardedHTTP(Guard(allow_private=True))
        assert http.request("GET", server.url).status == 302
        assert len(http.request("GET", server.url).body) == 1 << 20
        assert http.request("GET", server.url).status == 200


def test_exchanges_are_kept_capped_and_masked() -> None:
    with RecordingServer(Answer(200, {"Set-Cookie": "s=1"}, b"token=hunter2hunter2")) as server:
        http = GuardedHTTP(Guard(allow_private=True), secrets=("hunter2hunter2",))
        headers = {"Authorization": "Bearer abc", "X-Custom": "is hunter2hunter2"}
        http.request("POST", server.url + "/?key=hunter2hunter2", b"y" * 10_000, headers)
    [exchange] = http.take_exchanges()
    assert http.take_exchanges() == []
    assert "hunter2" not in repr(exchange)
    assert exchange.request_headers["Authorization"] == "••••"
    assert exchange.response_headers["Set-Cookie"] == "••••"
    assert len(exchange.request_body) == 4096
    assert exchange.status == 200 and exchange.duration_ms > 0


def test_an_address_shows_no_secrets_and_its_user_is_sent_as_basic_credentials() -> None:
    with RecordingServer() as server:
        http = GuardedHTTP(Guard(allow_private=True), secrets=("p/th+secret",))
        place = server.url.removeprefix("http://")
        http.request(
            "GET",
            f"http://ann:s%40fe@{place}/in?api_key=AAAA&x=1&token=BBBB&y=p%2Fth%2Bsecret&key=CCCC",
        )
    [exchange] = http.take_exchanges()
    assert exchange.url == (f"http://••••@{place}/in?api_key=••••&x=1&token=••••&y=••••&key=••••")
    assert server.requests[0].headers["authorization"] == "Basic YW5uOnNAZmU="
    assert server.requests[0].path.endswith(
        "api_key=AAAA&x=1&token=BBBB&y=p%2Fth%2Bsecret&key=CCCC"
    )
    with RecordingServer() as gone:
        nowhere = gone.url.removeprefix("http://")
    with pytest.raises(Retry) as caught:
        http.request("GET", f"http://ann:s%40fe@{nowhere}/")
    assert "s%40fe" not in str(caught.value)


def test_a_secret_that_is_cut_off_shows_not_even_its_head() -> None:
    secret = "hunter2" * 20
    with RecordingServer() as server:
        http = GuardedHTTP(Guard(allow_private=True), secrets=(secret, 'with "quotes"'))
        http.request("POST", server.url, b"x" * 4090 + secret.encode())
        http.request("POST", server.url, rb'{"a": "with \"quotes\""}')
    cut, quoted = http.take_exchanges()
    assert "hunter" not in cut.request_body and len(cut.request_body) <= 4096
    assert quoted.request_body == '{"a": "••••"}'
