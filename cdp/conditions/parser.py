"""Text → tree. Precedence: ``!``, comparisons and ``in``, ``not``, ``and``, ``or``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from cdp.conditions.ast import (
    Call,
    Compare,
    Expr,
    Followed,
    In,
    Instant,
    Items,
    Not,
    Path,
    Relative,
    Value,
    all_of,
    any_of,
)
from cdp.conditions.errors import ConditionSyntaxError, ConditionTooLarge, did_you_mean
from cdp.conditions.forms import FORMS
from cdp.conditions.functions import FUNCTIONS
from cdp.conditions.lexer import Text, Token, lex
from cdp.conditions.limits import MAX_DEPTH
from cdp.conditions.size import check_size
from cdp.conditions.spelling import KEYWORDS

T = TypeVar("T")

_LITERALS = {"null": None, "true": True, "false": False}
_COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")


class Parsed(NamedTuple):
    """A tree with the places of its parts in the text, by ``id``."""

    root: Expr
    source: Text
    places: dict[int, int]

    def place(self, node: Any) -> tuple[int, int]:
        """Line and column of a node, from 1."""
        return self.source.place(self.places.get(id(node), 0))


def parse_text(text: str) -> Parsed:
    """Read a condition; `ConditionError` says what is wrong and where."""
    source = Text(text)
    parser = Parser(source)
    if parser.peek.kind == "end":
        raise source.error(0, "the condition is empty")
    root = parser.expression()
    parser.finish()
    parsed = Parsed(root, source, parser.places)
    check_size(root, parsed.place)
    return parsed


class Parser:
    """What parses operands, and lends its hands to `cdp.conditions.forms`."""

    def __init__(self, source: Text) -> None:
        self.source = source
        self.tokens = lex(source)
        self.at = 0
        self.depth = 0
        self.places: dict[int, int] = {}

    # What forms use.

    @property
    def peek(self) -> Token:
        """The token that comes next."""
        return self.tokens[self.at]

    @property
    def following_word(self) -> str:
        """The word after the next token, if it is one."""
        return self.tokens[min(self.at + 1, len(self.tokens) - 1)].word

    def next(self) -> Token:
        """Take the next token."""
        token = self.tokens[self.at]
        self.at += token.kind != "end"
        return token

    def is_op(self, op: str) -> bool:
        """Whether the next token is this sign."""
        return self.peek.kind == "op" and self.peek.value == op

    def is_word(self, *words: str) -> bool:
        """Whether the next token is one of these words."""
        return bool(self.peek.word) and self.peek.word in words

    def accept_word(self, *words: str) -> str:
        """Take the next token if it is one of these words."""
        return self.next().word if self.is_word(*words) else ""

    def expect_op(self, op: str) -> None:
        """Take this sign, or fail."""
        if not self.is_op(op):
            raise self.unexpected(op)
        self.next()

    def expect_word(self, *words: str) -> str:
        """Take one of these words, or fail."""
        if not self.is_word(*words):
            raise self.unexpected(" or ".join(words))
        return self.next().word

    def expect(self, kind: str, what: str) -> Any:
        """Take a token of a kind and return its value."""
        if self.peek.kind != kind:
            raise self.unexpected(what)
        return self.next().value

    def path(self, what: str = "a path") -> Path:
        """Take a path."""
        token = self.peek
        return self.put(Path(self.expect("path", what)), token)

    def literal(self) -> Value:
        """Take a text, number, true, false or null."""
        token = self.next()
        if token.kind in ("string", "number"):
            return self.put(Value(token.value), token)
        if token.word in _LITERALS:
            return self.put(Value(_LITERALS[token.word]), token)
        self.at -= token.kind != "end"
        raise self.unexpected("a text, a number, true, false or null")

    def put(self, node: T, token: Token) -> T:
        """Remember where a node began."""
        self.places[id(node)] = token.at
        return node

    def unexpected(self, expected: str) -> ConditionSyntaxError:
        """An error at the next token."""
        token = self.peek
        if token.kind == "end":
            return self.source.error(token.at, "the condition ends here", expected)
        end = self.tokens[self.at + 1].at
        shown = " ".join(self.source.text[token.at : end].split())
        if len(shown) > 40:
            shown = shown[:39] + "…"
        hint = ""
        if token.word and self.at and token.word not in KEYWORDS:
            hint = did_you_mean(token.word, [*KEYWORDS, "where", "within", "between", "since"])
        return self.source.error(token.at, f"{shown} can't stand here", expected, hint)

    # The grammar.

    def finish(self) -> None:
        """Fail unless everything was read."""
        if self.peek.kind == "end":
            return
        if self.peek.kind == "op" and self.peek.value in _COMPARISONS:
            hint = "Only two things can be compared at once."
            raise self.source.error(
                self.peek.at, f"another {self.peek.value}", "and, or, or the end", hint
            )
        raise self.unexpected("and, or, a comparison, or the end")

    def expression(self) -> Expr:
        """The lowest level: ``or``."""
        self._enter()
        found = self._chain("or", lambda: self._chain("and", self._negation, all_of), any_of)
        self.depth -= 1
        return found

    def _enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            where = self.source.place(self.peek.at)
            raise ConditionTooLarge(f"nested deeper than {MAX_DEPTH} levels", *where)

    def _chain(
        self, word: str, item: Callable[[], Expr], join: Callable[[list[Expr]], Expr]
    ) -> Expr:
        token = self.peek
        items = [item()]
        while self.accept_word(word):
            items.append(item())
        return items[0] if len(items) == 1 else self.put(join(items), token)

    def _negation(self) -> Expr:
        if not self.is_word("not"):
            return self._comparison()
        token = self.next()
        self._enter()
        bare = not self.is_op("(")
        item = self._negation()
        self.depth -= 1
        return self._not(item, bare, token)

    def _not(self, item: Expr, bare: bool, token: Token) -> Expr:
        if bare and type(item) is Followed and not item.negated:
            return self.put(
                Followed(item.event, item.ms, item.after, item.window, negated=True), token
            )
        return self.put(Not(item), token)

    def _comparison(self) -> Expr:
        token = self.peek
        left = self.operand()
        if self.peek.kind == "op" and self.peek.value in _COMPARISONS:
            op = self.next().value
            return self.put(Compare(op, left, self.operand()), token)
        if self.is_word("not") and self.following_word == "in":
            self.next()
            self.next()
            return self.put(Not(self.put(In(left, self._list()), token)), token)
        if self.accept_word("in"):
            return self.put(In(left, self._list()), token)
        return left

    def _list(self) -> Expr:
        if self.is_op("[") or (self.peek.kind == "path" and not self.is_word(*KEYWORDS)):
            return self.operand()
        raise self.unexpected("a list in [ ], or the path of one")

    def operand(self) -> Expr:
        """What stands on one side of a comparison."""
        token = self.peek
        if token.kind == "op":
            return self._of_sign(token)
        if token.kind in ("string", "number"):
            return self.literal()
        if token.kind == "date":
            self.next()
            return self.put(Instant(token.value), token)
        if token.kind == "duration":
            return self.relative()
        if token.kind == "path":
            if token.word in _LITERALS:
                return self.literal()
            if token.word in KEYWORDS:
                raise self.unexpected("something to compare")
            following = self.tokens[self.at + 1]
            if following.kind == "op" and following.value == "(":
                return self._call(token)
            return self.path()
        raise self.unexpected("something to compare")

    def _of_sign(self, token: Token) -> Expr:
        if self.is_op("("):
            self.next()
            inner = self.expression()
            self.expect_op(")")
            return inner
        if self.is_op("["):
            self.next()
            return self.put(Items(tuple(self._items("]"))), token)
        if self.is_op("!"):
            self.next()
            self._enter()
            bare = not self.is_op("(")
            item = self.operand()
            self.depth -= 1
            return self._not(item, bare, token)
        raise self.unexpected("something to compare")

    def _items(self, end: str) -> list[Expr]:
        items: list[Expr] = []
        while not self.is_op(end):
            if items:
                self.expect_op(",")
            items.append(self.expression())
        self.next()
        return items

    def relative(self) -> Relative:
        """``30d ago`` or ``3d from now``."""
        token = self.peek
        ms = self.expect("duration", "a duration such as 30d")
        if self.accept_word("ago"):
            return self.put(Relative(-ms), token)
        if self.is_word("from") and self.following_word == "now":
            self.next()
            self.next()
            return self.put(Relative(ms), token)
        raise self.unexpected("ago or from now after the duration")

    def _call(self, token: Token) -> Expr:
        name = token.word
        if name in FORMS:
            self.next()
            self.expect_op("(")
            found: Expr = FORMS[name].parse(self, name)
            return self.put(found, token)
        function = FUNCTIONS.get(name)
        if function is None:
            hint = did_you_mean(name or token.value[-1], [*FUNCTIONS, *FORMS])
            raise self.source.error(
                token.at, f"there is no function {name or 'of that name'}", hint=hint
            )
        self.next()
        self.expect_op("(")
        args = tuple(self._items(")"))
        return self.put(Call(name, args), token)
