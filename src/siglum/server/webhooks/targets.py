"""Where a webhook may go. This is the one place that decides, for each URL and each address that it leads to.

Whoever can set a webhook could otherwise make the server send requests into its own network. Therefore:

- The URL is parsed once; what parsers read differently is refused. It is https, without a user.
- Its host is resolved, and every address must be a public one. A spelling such as `0x7f.1` or `2130706433` needs no
  rule of its own: it is judged by what it resolves to.
- The connection is made to an address that was judged, not to the name, so that a name server cannot answer
  differently the second time; and a redirect is judged like the first URL.

The administrator may allow hosts by name: those may have any address, and plain http.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import msgspec

from siglum.core.errors import InvalidInputError, UnavailableError
from siglum.registry.webhooks import MAX_URL

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_PORTS: Final = {"https": 443, "http": 80}
# What `is_global` lets pass and is none of anybody's business: protocol assignments with Oracle's metadata address,
# the 6to4 relay, and the address at which Azure serves each machine.
_NOT_PUBLIC_4: Final = [ipaddress.IPv4Network(n) for n in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")]
_UNICAST_6: Final = ipaddress.IPv6Network("2000::/3")
# Protocol assignments with Teredo, documentation, 6to4: what is behind them is an IPv4 address, or nothing.
_NOT_PUBLIC_6: Final = [ipaddress.IPv6Network(n) for n in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A URL that a delivery may go to, once its addresses have been judged too. `path` has the query with it."""

    scheme: str
    host: str
    port: int
    path: str
    allowed_by_name: bool = False

    @property
    def host_header(self) -> str:
        """The host as a request names it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def is_public(address: Address) -> bool:
    """Whether an address is somebody's on the Internet, whichever way an IPv4 address is wrapped in it."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        return address in _UNICAST_6 and address.is_global and not any(address in net for net in _NOT_PUBLIC_6)
    return address.is_global and not address.is_multicast and not any(address in net for net in _NOT_PUBLIC_4)


class TargetRules:
    """The rules of one server. An entry of `allowed` is a host as URLs name it, with a port when only that is meant."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(_plain(host) for host in allowed if host.strip())

    def parse(self, url: str) -> Target:
        """Return where a URL leads. Raises InvalidInputError for one that a delivery must not follow."""
        if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or any(c in url for c in ' \\"<>`{}|^'):
            raise InvalidInputError(f"A webhook's URL has at most {MAX_URL} characters and is percent-encoded ASCII.")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise InvalidInputError("A webhook's URL must be https://host/path.") from None
        host = (parts.hostname or "").removesuffix(".")
        if not host or parts.scheme not in _PORTS:
            raise InvalidInputError(f"Invalid webhook URL scheme: {parts.scheme!r}. Allowed schemes are: https.")
        if parts.username is not None or parts.password is not None or "%" in host or port == 0:
            raise InvalidInputError("A webhook's URL names a host and a path, no user.")
        port = port or _PORTS[parts.scheme]
        allowed = not self._allowed.isdisjoint({host, f"{host}:{port}"})
        if parts.scheme != "https" and not allowed:
            raise InvalidInputError("Invalid webhook URL scheme: 'http'. Allowed schemes are: https.")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return Target(scheme=parts.scheme, host=host, port=port, path=path, allowed_by_name=allowed)

    def addresses(self, target: Target) -> list[str]:
        """Return the addresses of a target's host. Raises unless each of them may be connected to."""
        try:
            found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise UnavailableError(f"The host {target.host!r} of the webhook cannot be resolved.") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not target.allowed_by_name:
            for address in addresses:
                check_public(address, target.host)
        return addresses

    def check(self, url: str) -> None:
        """Raise InvalidInputError for a URL that no delivery could go to, as far as can be told now."""
        try:
            self.addresses(self.parse(url))
        except UnavailableError as error:
            raise InvalidInputError(error.message) from None


def check_public(address: str, host: str) -> None:
    """Raise InvalidInputError unless an address is public. A scoped one (`fe80::1%eth0`) never is."""
    if "%" in address or not is_public(ipaddress.ip_address(address)):
        raise InvalidInputError(
            f"Webhook URL must not resolve to a non-public IP address: {host!r} does.",
            hint="The server's administrator can allow the host by name: siglum server --webhook-hosts.",
        )


def _plain(host: str) -> str:
    return host.strip().lower().removesuffix(".").replace("[", "").replace("]", "")
