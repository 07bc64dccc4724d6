"""What plugins stand on: hooks, classes, errors, the test kit, the webhook's settings."""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from cdp_email import Email
from cdp_inapp import InApp
from cdp_push import PushChannel
from cdp_slack import Slack
from cdp_sms import SMS
from cdp_webhook import Webhook, WebhookChannel

from cdp import plugin
from cdp.plugin import describe, errors, hookspecs, testing
from tests.docs.markdown import prose, table

_VALUES = (
    plugin.Event,
    plugin.Batch,
    plugin.Outcome,
    plugin.Exchange,
    plugin.ProfileChange,
    plugin.Transition,
)
_CONTENTS = (
    plugin.Outgoing,
    plugin.EmailContent,
    plugin.Attachment,
    plugin.SMSContent,
    plugin.PushContent,
    plugin.Device,
    plugin.InAppContent,
    plugin.WebhookContent,
    plugin.SlackContent,
    plugin.Receipt,
    plugin.Report,
    plugin.Inbound,
    plugin.Reply,
    plugin.Check,
)
_SETTINGS = (plugin.SettingsSchema, plugin.Headers, plugin.WordList, plugin.secret)
_KIT = (
    testing.destination_tests,
    testing.channel_tests,
    testing.make_event,
    testing.awkward_events,
    testing.RecordingServer,
    testing.Answer,
    testing.Request,
    testing.FakeClock,
)


def all_hooks() -> dict[str, Callable[..., Any]]:
    """The hooks by name, in the order of the file."""
    members = vars(hookspecs).items()
    return {name: f for name, f in members if hasattr(f, "cdp_spec")}


def hooks() -> str:
    """A section a hook, with its exact arguments."""
    return "\n\n".join(
        f"## {name}\n\n{_signature(name, hook)}\n\n{prose(hook.__doc__)}"
        for name, hook in all_hooks().items()
    )


def destination() -> str:
    """The base class: what a subclass sets, and what it may override."""
    cls = plugin.Destination
    parts = [prose(cls.__doc__), "### What a subclass sets", table(*_attributes())]
    for name, method in vars(cls).items():
        if name.startswith("_"):
            continue
        if inspect.isfunction(method) or isinstance(method, classmethod):
            plain = method.__func__ if isinstance(method, classmethod) else method
            parts.append(f"### {name}\n\n{_signature(name, plain)}\n\n{prose(plain.__doc__)}")
    return "\n\n".join(parts)


def _attributes() -> tuple[tuple[str, ...], list[tuple[str, str, str]]]:
    cls = plugin.Destination
    rows = []
    for name, kind in cls.__annotations__.items():
        default = "" if name not in vars(cls) else getattr(cls, name)
        shown = default.__name__ if inspect.isclass(default) else repr(default)
        kind = re.sub(r"ClassVar\[(.*)\]", r"\1", kind)
        rows.append((f"`{name}`", f"`{kind}`", f"`{shown}`" if default != "" else ""))
    return ("Attribute", "Type", "Default"), rows


def channel() -> str:
    """The base class of channels, beyond what destinations have."""
    cls = plugin.Channel
    parts = [prose(cls.__doc__)]
    for name, method in vars(cls).items():
        if inspect.isfunction(method) and not name.startswith("_"):
            parts.append(f"### {name}\n\n{_signature(name, method)}\n\n{prose(method.__doc__)}")
    parts.append(f"### keeps_keys\n\n{prose(cls.keeps_keys.__doc__)}")
    parts += [_thing(item, "###") for item in (plugin.one_by_one, plugin.receipt_from)]
    return "\n\n".join([*parts, _class(plugin.AccessToken, "###")])


def contents() -> str:
    """What channels get, give back and are told."""
    return "\n\n".join(_class(cls, "###") for cls in _CONTENTS)


def context() -> str:
    """What the engine hands over besides the settings."""
    return _class(plugin.DestinationContext, "###")


def http() -> str:
    """The guarded client."""
    return "\n\n".join(_class(cls, "###") for cls in (plugin.GuardedHTTP, plugin.Response))


def values() -> str:
    """The values that hooks and destinations are given and give back."""
    return "\n\n".join(_class(cls, "###") for cls in _VALUES)


def settings_kit() -> str:
    """What settings are written with."""
    return "\n\n".join(_thing(item, "###") for item in _SETTINGS)


def plugin_errors() -> str:
    """The tree of errors, and how an HTTP answer becomes one of them."""
    parts = [prose(errors.__doc__).replace("```python", "```text")]
    for item in (errors.Retry, errors.Reject, errors.Stop):
        parts.append(f"### {item.__name__}\n\n{prose(item.__doc__)}")
    for function in (errors.from_response, errors.retry_after):
        parts.append(_thing(function, "###"))
    return "\n\n".join(parts)


def test_kit() -> str:
    """The public part of `cdp.plugin.testing`."""
    return "\n\n".join(_thing(item, "###") for item in _KIT)


def inherited_tests() -> str:
    """The tests that `destination_tests` brings, as sentences."""
    return _sentences(testing.destination_tests(Webhook, lambda url: {"url": url}))


def inherited_channel_tests() -> str:
    """The tests that `channel_tests` brings, as sentences."""
    content = plugin.SMSContent("", "")
    return _sentences(testing.channel_tests(SMS, lambda url: {"url": url}, content))


def _sentences(made: type) -> str:
    names = [name for name in vars(made) if name.startswith("test_")]
    return "\n".join("- " + name.removeprefix("test_").replace("_", " ") for name in names)


def awkward() -> str:
    """The awkward messages, by file."""
    return ", ".join(f"`{path.stem}`" for path in sorted(testing.AWKWARD.glob("*.json")))


def webhook_settings() -> str:
    """The webhook's settings, as its form is made from."""
    return settings_of(Webhook)


def settings_of(cls: type[plugin.Destination]) -> str:
    """The settings of a destination."""
    rows = []
    for item in describe(cls.Settings):
        default = str(item["default"]).lower() if item["type"] == "boolean" else item["default"]
        shown = "required" if item["required"] else "" if default in (None, "") else f"`{default}`"
        notes = [item["help"]]
        if item["choices"]:
            notes.append("One of " + ", ".join(f"`{choice}`" for choice in item["choices"]) + ".")
        if item["secret"]:
            notes.append("Kept secret: never shown again.")
        rows.append((f"`{item['name']}`", item["type"], shown, " ".join(filter(None, notes))))
    return table(("Setting", "Type", "Default", "Meaning"), rows)


def webhook_answers() -> str:
    """What each status of an answer leads to."""
    retry, stop = _statuses(errors.Retry), _statuses(errors.Stop)
    rows = [
        ("2xx", "Delivered."),
        (
            f"{retry}; no answer",
            "Tried again with growing pauses; `Retry-After` is honoured. No redirect is followed.",
        ),
        (stop, "The destination stops until its settings change or somebody retries it."),
        (
            "Anything else",
            "The event is dead: it is kept with the reason, and `cdp destinations dead` lists it.",
        ),
    ]
    return table(("Answer", "What happens"), rows)


def _statuses(kind: type) -> str:
    fates = {status: isinstance(errors.from_response(status), kind) for status in range(300, 600)}
    words = []
    for hundred in (300, 400, 500):
        inside = [status for status in range(hundred, hundred + 100) if fates[status]]
        others = [status for status in range(hundred, hundred + 100) if not fates[status]]
        if len(inside) > len(others):
            words.append(f"{hundred // 100}xx (but {', '.join(map(str, others))})")
        else:
            words.extend(map(str, inside))
    return ", ".join(words)


def _thing(item: Any, level: str) -> str:
    if inspect.isclass(item):
        return _class(item, level)
    return f"{level} {item.__name__}\n\n{_signature(item.__name__, item)}\n\n{prose(item.__doc__)}"


def _class(cls: type, level: str) -> str:
    parts = [f"{level} {cls.__name__}", prose(cls.__doc__)]
    if dataclasses.is_dataclass(cls):
        rows = [
            (f"`{item.name}`", f"`{item.type}`", _default(item))
            for item in dataclasses.fields(cls)
            if not item.name.startswith("_")
        ]
        parts.append(table(("Field", "Type", "Default"), rows))
    if methods := list(_methods(cls)):
        parts.append("\n".join(methods))
    return "\n\n".join(parts)


def _default(item: dataclasses.Field[Any]) -> str:
    if item.default is not dataclasses.MISSING:
        return f"`{item.default!r}`"
    if item.default_factory is not dataclasses.MISSING:
        return f"`{item.default_factory()!r}`"
    return "" if item.init else "made by itself"


def _methods(cls: type) -> Iterator[str]:
    for name, item in vars(cls).items():
        plain = item.__func__ if isinstance(item, classmethod | staticmethod) else item
        if name.startswith("_") or not inspect.isfunction(plain) or not plain.__doc__:
            continue
        line = " ".join(prose(plain.__doc__).split())
        yield f"- `{_call(name, plain)}`: {line}"


class _Plain:
    """An annotation that is printed as it was written, without quotes."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


def _call(name: str, function: Callable[..., Any]) -> str:
    signature = inspect.signature(function)
    kept = [
        parameter.replace(annotation=_Plain(parameter.annotation))
        for key, parameter in signature.parameters.items()
        if key not in ("self", "cls")
    ]
    returns = _Plain(signature.return_annotation)
    return name + str(signature.replace(parameters=kept, return_annotation=returns))


def _signature(name: str, function: Callable[..., Any]) -> str:
    text = _call(name, function)
    if len(text) > 90:
        inside, end = text.split("(", 1)[1].rsplit(") ->", 1)
        arguments = ",\n".join(re.split(r", (?=[\w*]+(?:: |$|=))", inside))
        text = f"{name}(\n{textwrap.indent(arguments, '    ')},\n) ->{end}"
    return f"```python\n{text}\n```"


def condition_function() -> str:
    """A function for conditions: its fields and its promise."""
    return _class(plugin.ConditionFunction, "###")


BLOCKS: dict[str, Callable[[], str]] = {
    "condition-function": condition_function,
    "hooks": hooks,
    "destination": destination,
    "destination-context": context,
    "http": http,
    "values": values,
    "settings-kit": settings_kit,
    "plugin-errors": plugin_errors,
    "test-kit": test_kit,
    "inherited-tests": inherited_tests,
    "awkward": awkward,
    "webhook-settings": webhook_settings,
    "webhook-answers": webhook_answers,
    "email-settings": lambda: settings_of(Email),
    "in-app-settings": lambda: settings_of(InApp),
    "webhook-message-settings": lambda: settings_of(WebhookChannel),
    "inherited-channel-tests": inherited_channel_tests,
    "channel": channel,
    "contents": contents,
    "push-settings": lambda: settings_of(PushChannel),
    "slack-settings": lambda: settings_of(Slack),
    "sms-settings": lambda: settings_of(SMS),
}
