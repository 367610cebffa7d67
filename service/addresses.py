"""Which addresses events may be sent to: public ones, and those that the operator allows.

Whoever may name an address that the server then calls could reach through it what only the server can reach
(server-side request forgery). So a URL is judged when it is named, as far as it can be read off the URL itself, and
again by the addresses that its name stands for each time something is sent. No name is looked up when a URL is named:
the answer would tell what the server's own network knows.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from yarl import URL

from benchmarks.errors import InputError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

VARIABLE = "WHET_WEBHOOK_ALLOW"
PORTS = (443, 8443)
LONGEST_URL = 2000

_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")
_PLACE = re.compile(r"(\[(?P<literal>[0-9a-f]*:[0-9a-f:.]*)\]|(?P<host>[^\[\]:]+))(:(?P<port>\d{1,5}))?")

NOT_PUBLIC: Mapping[Network, str] = {
    ip_network(network): what
    for network, what in {
        "0.0.0.0/8": "this network (0.0.0.0/8)",
        "10.0.0.0/8": "a private network",
        "100.64.0.0/10": "a provider's shared network (carrier-grade NAT)",
        "127.0.0.0/8": "this machine (loopback)",
        "168.63.129.16/32": "a cloud's metadata service",
        "169.254.0.0/16": "the local link, where clouds have their metadata services",
        "172.16.0.0/12": "a private network",
        "192.0.0.0/24": "a network for protocols",
        "192.0.2.0/24": "a network for examples",
        "192.88.99.0/24": "6to4 relays",
        "192.168.0.0/16": "a private network",
        "198.18.0.0/15": "a network for benchmarks",
        "198.51.100.0/24": "a network for examples",
        "203.0.113.0/24": "a network for examples",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved",
        "2001::/23": "a network for protocols (Teredo among them)",
        "2001:db8::/32": "a network for examples",
        "2002::/16": "IPv4 within IPv6 (6to4)",
        "3fff::/20": "a network for examples",
    }.items()
}
"""What of the public ranges is none, and why. Source: the IANA special-purpose address registries (RFC 6890); the one
metadata service with a public address is Azure's."""

_PUBLIC_IPV6 = IPv6Network("2000::/3")
_TRANSLATED = IPv6Network("64:ff9b::/96")


class Forbidden(InputError):
    """Nothing may be sent there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """What the operator allows beyond public addresses: `hosts` by their names, each at one port or (None) at all;
    and `networks`."""

    hosts: frozenset[tuple[str, int | None]] = frozenset()
    networks: tuple[Network, ...] = ()

    def names(self, url: URL) -> bool:
        """Whether the host in `url` is allowed by its name, wherever that leads."""
        host = _name(url)
        return bool(self.hosts & {(host, None), (host, url.port)})

    def holds(self, address: Address) -> bool:
        """Whether `address` lies in an allowed network."""
        return any(address in network for network in self.networks)


def read_allowed(environment: Mapping[str, str]) -> Allowed:
    """What WHET_WEBHOOK_ALLOW names: hosts, `host:port` and networks as in 10.1.0.0/16, separated by commas. Raises
    InputError for what is none of these."""
    hosts, networks = set[tuple[str, int | None]](), list[Network]()
    for entry in filter(None, (part.strip().lower() for part in environment.get(VARIABLE, "").split(","))):
        try:
            networks.append(ip_network(entry))
        except ValueError:
            hosts.add(_host_and_port(entry))
    return Allowed(hosts=frozenset(hosts), networks=tuple(networks))


def _host_and_port(entry: str) -> tuple[str, int | None]:
    found = _PLACE.fullmatch(entry)
    host = ((found["literal"] or found["host"]) if found else "").rstrip(".")
    port = int(found["port"]) if found and found["port"] else None
    if not (_HOST.fullmatch(host) or _literal(host)) or (port is not None and not 0 < port < 2**16):
        raise InputError(
            f"{VARIABLE} names '{entry}', which is no host, host:port or network. Write for example "
            "receiver.internal:8080 or 10.1.0.0/16, separated by commas."
        )
    return host, port


def parse_url(text: str) -> URL:
    """The URL, normalised. Raises Forbidden if it is no URL of a host, or says more than where to send to."""
    rule = "Give an address as in https://receiver.example/whet."
    try:
        url = URL(text)
        port = url.port
    except ValueError:
        raise Forbidden(f"That is no URL. {rule}") from None
    if re.search(r"[\x00-\x20\x7f]", text):
        raise Forbidden(f"A URL has no blanks, line breaks or control characters. {rule}")
    if len(str(url)) > LONGEST_URL:
        raise Forbidden(f"The URL has {len(str(url)):,} characters; it may have {LONGEST_URL:,}.")
    if url.scheme not in ("http", "https") or not url.raw_host or not port:
        raise Forbidden(f"That is no URL with https:// and a host. {rule}")
    if "@" in re.split("[/?#]", text.partition("//")[2])[0]:
        raise Forbidden("A URL with a user or password is not called; the receiver knows whet by the signature.")
    if url.raw_fragment or "#" in text:
        raise Forbidden("Leave out what follows the # of the URL; it would not be sent.")
    if _literal(_name(url)) is None and not _HOST.fullmatch(_name(url)):
        raise Forbidden(f"'{url.raw_host}' is no host. {rule}")
    return url


def check_named(url: URL, allowed: Allowed) -> None:
    """Raises Forbidden where it is plain from `url` itself that nothing may be sent there."""
    literal = _literal(_name(url))
    if literal is None and f".{_name(url)}".endswith(".localhost"):
        literal = IPv4Address("127.0.0.1")
    if literal is None and allowed.networks:
        return  # Its addresses decide, when something is sent.
    check(url, [] if literal is None else [literal], allowed)


def check(url: URL, addresses: Sequence[Address], allowed: Allowed) -> None:
    """Raises Forbidden unless whet may connect to each of `addresses`, which the host in `url` stands for."""
    if allowed.names(url) or (addresses and all(map(allowed.holds, addresses))):
        return
    remedy = f"the operator may allow it with {VARIABLE}"
    if url.scheme != "https":
        raise Forbidden(f"Only https is called; {url.scheme} to '{url.raw_host}' is not allowed ({remedy}).")
    if url.port not in PORTS:
        ports = " or ".join(map(str, PORTS))
        raise Forbidden(f"Port {url.port} is not called, only {ports} ({remedy}).")
    for address in addresses:
        why = None if allowed.holds(address) else why_not_public(address)
        if why is not None:
            raise Forbidden(f"'{url.raw_host}' is not public: it leads to {why} ({remedy}).")


def why_not_public(address: Address) -> str | None:
    """What an address is that is not public; None for one that is. Addresses that hold another one are what that is."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped
        if inner is None and address in _TRANSLATED:
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return why_not_public(inner)
        if address.is_loopback:
            return "this machine (loopback)"
        if address not in _PUBLIC_IPV6:
            return "a network that is not public"
    return next((what for network, what in NOT_PUBLIC.items() if address in network), None)


def _name(url: URL) -> str:
    """The host, written in one way."""
    return (url.raw_host or "").lower().rstrip(".")


def _literal(host: str) -> Address | None:
    """The address that `host` is, in any notation that the system understands (127.1, 0x7f000001); None for a name."""
    try:
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):
        return None
    return ip_address(found[0][4][0])
