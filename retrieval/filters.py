"""The filter language: ``folder = "2024/italy" and width >= 1000 and not tag = draft``. See docs/search.md.

expression := conjunction ("or" conjunction)*
conjunction := term ("and" term)*
term := "not" term | "(" expression ")" | field operator value
operator := "=" | ":" | "!=" | "<" | "<=" | ">" | ">="
value := "…" | '…' | anything up to a space or parenthesis
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from retrieval.errors import FilterError
from retrieval.filter_fields import FIELDS, Value, field_list, operators_of, read_value

MAX_LENGTH = 1_000
MAX_DEPTH = 40
_SPACE = re.compile(r"\s*")
_WORD = re.compile(r"[^\s()\"'=<>!:]+")
_OPERATOR = re.compile(r"!=|<=|>=|[=<>:]")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'", re.DOTALL)
_BARE = re.compile(r"[^\s()\"']+")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_KEYWORDS = ("and", "or", "not")


@dataclass(frozen=True)
class Condition:
    """``field operator value``; the operator is one of = < <= > >=."""

    field: str
    operator: str
    value: Value


@dataclass(frozen=True)
class Not:
    """Everything that ``term`` is not."""

    term: Node


@dataclass(frozen=True)
class All:
    """What fulfils every one of ``terms``."""

    terms: tuple[Node, ...]


@dataclass(frozen=True)
class Any:
    """What fulfils at least one of ``terms``."""

    terms: tuple[Node, ...]


Node = Condition | Not | All | Any


@dataclass(frozen=True)
class Filter:
    """A filter as it was written, and what it means."""

    text: str
    tree: Node


def parse_filter(text: str) -> Filter:
    """The meaning of a filter expression.

    Raises:
        FilterError: names the character where it goes wrong, and what could stand there.
    """
    if len(text) > MAX_LENGTH:
        raise FilterError(f"filter has {len(text)} characters; at most {MAX_LENGTH} are read")
    parser = _Parser(text)
    tree = parser.expression(0)
    parser.end()
    return Filter(text, tree)


class _Parser:
    """Recursive descent over ``text``; ``place`` is how far it has been read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0

    def expression(self, depth: int) -> Node:
        terms = [self.conjunction(depth)]
        while self.keyword("or"):
            terms.append(self.conjunction(depth))
        return terms[0] if len(terms) == 1 else Any(tuple(terms))

    def conjunction(self, depth: int) -> Node:
        terms = [self.term(depth)]
        while self.keyword("and"):
            terms.append(self.term(depth))
        return terms[0] if len(terms) == 1 else All(tuple(terms))

    def term(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self.error(f"more than {MAX_DEPTH} levels of parentheses and `not`", self.place)
        if self.keyword("not"):
            return Not(self.term(depth + 1))
        opened = self.place
        if self.take(re.compile(r"\(")) is None:
            return self.condition()
        inner = self.expression(depth + 1)
        if self.take(re.compile(r"\)")) is None:
            if self.place == len(self.text):
                raise self.error("the parenthesis that opens here is never closed", opened)
            raise self.error("`and`, `or` or `)` is missing here", self.place)
        return inner

    def condition(self) -> Node:
        start = self.place
        name = self.take(_WORD)
        if name is None:
            raise self.error(f"a condition is missing here, such as {FIELDS['width'].example}", start)
        field = name[0].lower()
        if field not in FIELDS:
            what = "a keyword" if field in _KEYWORDS else "no field"
            raise self.error(f"{name[0]!r} is {what}; the fields are {field_list()}", name.start())
        found = self.take(_OPERATOR)
        operators = operators_of(field)
        if found is None:
            raise self.error(f"{field} needs {operators} and a value, as in {FIELDS[field].example}", self.place)
        operator = {":": "="}.get(found[0], found[0])
        if operator not in operators.split():
            raise self.error(f"{field} takes {operators}, not {operator}", found.start())
        self.skip()
        place = self.place
        said = self.value(field)
        try:
            value = read_value(field, said)
        except ValueError as error:
            raise self.error(f"{field}: {error}", place) from None
        if operator == "!=":
            return Not(Condition(field, "=", value))
        return Condition(field, operator, value)

    def value(self, field: str) -> str:
        quoted = self.take(_QUOTED)
        if quoted is not None:
            return _ESCAPE.sub(r"\1", quoted[1] if quoted[1] is not None else quoted[2])
        if self.text[self.place : self.place + 1] in ("'", '"'):
            raise self.error("the quotation mark that opens here is never closed", self.place)
        bare = self.take(_BARE)
        if bare is None:
            raise self.error(f"a value is missing, as in {FIELDS[field].example}", self.place)
        return bare[0]

    def keyword(self, word: str) -> bool:
        self.skip()
        found = _WORD.match(self.text, self.place)
        if found is None or found[0].lower() != word:
            return False
        self.place = found.end()
        self.skip()
        return True

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What stands here, if it is that; spaces before and behind it are passed over."""
        self.skip()
        found = pattern.match(self.text, self.place)
        if found is not None:
            self.place = found.end()
            self.skip()
        return found

    def skip(self) -> None:
        found = _SPACE.match(self.text, self.place)
        self.place = found.end() if found else self.place

    def end(self) -> None:
        if self.place < len(self.text):
            what = "this parenthesis opens nowhere" if self.text[self.place] == ")" else "`and` or `or` is missing here"
            raise self.error(what, self.place)

    def error(self, reason: str, place: int) -> FilterError:
        rest = self.text[place : place + 20]
        near = f" (at {rest!r})" if rest.strip() else " (at its end)"
        return FilterError(f"filter, character {place + 1}{near}: {reason}", place + 1)
