"""Reading a URL that a stranger sent, strictly: what two programs might read differently is refused."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote, urljoin

import idna

MAX_LENGTH = 2_048
PORTS = {"http": 80, "https": 443}
_URL = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<rest>[^#]*)(?:#.*)?", re.IGNORECASE | re.DOTALL)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
# Spaces of every kind, control characters, and backslashes, which some take for slashes.
_FORBIDDEN = re.compile(r"[\s\x00-\x20\x7f-\xa0\\\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]")
_SCHEME_ALONE = re.compile(r"[a-z][a-z0-9+.-]*:(?!//)", re.IGNORECASE)
# What a path and a query may hold as it is; the rest is escaped.
_AS_IT_IS = "/?:@!$&'()*+,;=-._~%[]"


class BadURL(ValueError):
    """A URL that is not taken; the message says why, for the log alone."""


@dataclass(frozen=True)
class Target:
    """Where a URL leads. ``host`` is lower-case ASCII, or an address without brackets; ``path`` holds the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port, as the ``Host`` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL again."""
        return f"{self.scheme}://{self.authority}{self.path}"


def parse_url(url: str) -> Target:
    """Where ``url`` leads.

    Raises:
        BadURL: it is too long, of another scheme, carries credentials, or is written in an odd way.
    """
    if len(url) > MAX_LENGTH:
        raise BadURL(f"has more than {MAX_LENGTH} characters")
    if _FORBIDDEN.search(url):
        raise BadURL("holds spaces, control characters or backslashes")
    found = _URL.fullmatch(url)
    if found is None:
        raise BadURL("is not http://… or https://…")
    scheme, authority = found["scheme"].lower(), found["authority"]
    if "@" in authority or "%" in authority:
        raise BadURL("carries credentials, or a host with percent signs")
    host, port = _split(authority, PORTS[scheme])
    rest = found["rest"]
    try:
        path = quote(rest, safe=_AS_IT_IS)
    except UnicodeEncodeError:
        raise BadURL("is not text") from None
    return Target(scheme, host, port, path if path.startswith("/") else f"/{path}")


def follow(target: Target, location: str) -> Target:
    """Where a redirection from ``target`` leads.

    Raises:
        BadURL: as ``parse_url``.
    """
    # `urljoin` would take some of it out, and reads http:a.example as a path where browsers read a host.
    if len(location) > MAX_LENGTH or _FORBIDDEN.search(location) or _SCHEME_ALONE.match(location):
        raise BadURL("redirects to something odd")
    try:
        return parse_url(urljoin(target.url, location))
    except BadURL:
        raise
    except ValueError as error:
        raise BadURL(str(error)) from None


def _split(authority: str, default: int) -> tuple[str, int]:
    """Host and port of an authority."""
    if authority.startswith("["):
        inner, bracket, rest = authority[1:].partition("]")
        try:
            address = ipaddress.IPv6Address(inner)
        except ValueError:
            raise BadURL("has a broken IPv6 address") from None
        if not bracket or (rest and not rest.startswith(":")) or address.scope_id is not None:
            raise BadURL("has a broken IPv6 address")
        return str(address), _port(rest[1:] if rest else "", default)
    host, colon, port = authority.partition(":")
    if colon and not port:
        raise BadURL("has an empty port")
    return _host(host), _port(port, default)


def _port(text: str, default: int) -> int:
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) < 65_536):
        raise BadURL("has a broken port")
    return int(text)


def _host(host: str) -> str:
    try:
        name = host.lower() if host.isascii() else idna.encode(host, uts46=True).decode("ascii").lower()
    except UnicodeError:
        raise BadURL("has a host that is no name") from None
    name = name.removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadURL("has a host that is no name")
    if _NUMBER.fullmatch(labels[-1]):
        # Resolvers read 2130706433, 0x7f.1 and 0177.0.0.1 as addresses, each in its own way.
        try:
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            raise BadURL("has a host that is an address in an odd way") from None
    return name
