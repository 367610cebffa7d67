"""Which addresses events may be sent to: a table of those that may not, and what the operator can allow."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.errors import InputError
from service.addresses import VARIABLE, Allowed, Forbidden, check, check_named, parse_url, read_allowed, why_not_public

NOBODY = Allowed()

INSIDE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1",
    "127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2", "172.16.0.1",
    "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255",
    "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255",
    "::", "::1", "::7f00:1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:0:10.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "100::1", "2001::1",
    "2001:0:7f00:1::1", "2001:db8::1", "2001:10::1", "2002:7f00:1::1", "2002:a9fe:a9fe::1", "2002:808:808::1",
    "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fd12:3456::1", "fe80::1", "fe80::1%1", "fec0::1", "ff02::1",
    "ff0e::1",
]  # fmt: skip
OUTSIDE = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "168.63.129.15", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.167.255.255", "192.169.0.0",
    "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1", "2a00:1450::1", "2001:200::1", "2400::1",
    "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert why_not_public(ip_address(address)) is not None
    with pytest.raises(Forbidden, match="not public"):
        check(parse_url("https://receiver.example/"), [ip_address(address)], NOBODY)


@pytest.mark.parametrize("address", OUTSIDE)
def test_public_addresses_are_not(address: str) -> None:
    check(parse_url("https://receiver.example/"), [ip_address(address)], NOBODY)


@pytest.mark.parametrize("address", [address for address in INSIDE if "%" not in address])
def test_nor_may_a_url_name_them(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(Forbidden, match="not public"):
        check_named(parse_url(f"https://{host}/hook"), NOBODY)


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_whatever_python_knows_to_be_private_is_refused_also_within_an_ipv6_address(number: int) -> None:
    address = IPv4Address(number)
    inside = why_not_public(address)
    if not address.is_global or address.is_multicast:
        assert inside is not None
    for embedding in (IPv6Address(0xFFFF << 32 | number), IPv6Address((0x64_FF9B << 96) | number)):
        assert why_not_public(embedding) == inside


@given(st.integers(min_value=0, max_value=2**128 - 1))
def test_the_same_holds_for_ipv6(number: int) -> None:
    address = IPv6Address(number)
    if not address.is_global or address.is_multicast or address.is_link_local or address.is_site_local:
        assert why_not_public(address) is not None


def test_one_address_that_is_not_public_is_enough() -> None:
    addresses = [ip_address("8.8.8.8"), ip_address("10.0.0.1")]
    for order in (addresses, addresses[::-1]):
        with pytest.raises(Forbidden, match="private"):
            check(parse_url("https://receiver.example/"), order, NOBODY)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://017700000001/",
        "https://0/",
        "https://0xa9fea9fe/",
        "https://①②⑦.⓪.⓪.①/",
        "https://127.0.0.1./",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://hook.localhost/",
        "https://[::ffff:7f00:1]/",
    ],
)
def test_other_notations_hide_nothing(url: str) -> None:
    with pytest.raises(Forbidden, match=r"this machine|this network|local link"):
        check_named(parse_url(url), NOBODY)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hook",
        "//receiver.example/",
        "https:///hook",
        "ftp://receiver.example/",
        "file:///etc/passwd",
        "gopher://receiver.example/",
        "https://receiver.example:99999/",
        "https://receiver.example:0/",
        "https://ada@receiver.example/",
        "https://ada:secret@receiver.example/",
        "https://@receiver.example/",
        "https://receiver.example/#part",
        "https://receiver.example/#",
        "https://exa mple/",
        "https://receiver.example/\r\nHost: other",
        "https://receiver.example\\@127.0.0.1/",
        "https://%31%32%37.0.0.1/",
        "https://[fe80::1%25eth0]/",
        "https://a..example/",
        "https://-/",
        "https://receiver.example/" + "x" * 2000,
    ],
)
def test_what_says_more_or_less_than_where_to_send_to_is_no_url(url: str) -> None:
    with pytest.raises(Forbidden):
        parse_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://receiver.example",
        "https://receiver.example:443/hook?channel=a@b",
        "https://receiver.example:8443/",
        "https://bücher.example/",
        "https://8.8.8.8/",
        "https://[2606:4700::1]/",
    ],
)
def test_public_receivers_may_be_named(url: str) -> None:
    check_named(parse_url(url), NOBODY)


@pytest.mark.parametrize(
    "url", ["http://receiver.example/", "https://receiver.example:22/", "https://receiver.example:80/"]
)
def test_only_https_on_its_usual_ports_is_called(url: str) -> None:
    with pytest.raises(Forbidden, match=r"Only https|only 443 or 8443"):
        check_named(parse_url(url), NOBODY)
    with pytest.raises(Forbidden, match=r"Only https|only 443 or 8443"):
        check(parse_url(url), [ip_address("8.8.8.8")], NOBODY)


def allow(text: str) -> Allowed:
    return read_allowed({VARIABLE: text})


@pytest.mark.parametrize(
    ("allowed", "url", "address", "may"),
    [
        ("receiver.internal", "http://receiver.internal/", "10.0.0.1", True),
        ("receiver.internal", "http://receiver.internal:9000/", "10.0.0.1", True),
        ("Receiver.Internal.", "https://RECEIVER.internal./", "10.0.0.1", True),
        ("receiver.internal", "http://other.receiver.internal/", "10.0.0.1", False),
        ("receiver.internal", "http://receiver.internal.example/", "10.0.0.1", False),
        ("receiver.internal:8080", "http://receiver.internal:8080/", "10.0.0.1", True),
        ("receiver.internal:8080", "http://receiver.internal:8081/", "10.0.0.1", False),
        ("receiver.internal:8080", "http://receiver.internal/", "10.0.0.1", False),
        ("10.1.0.0/16", "http://receiver.internal:9000/", "10.1.2.3", True),
        ("10.1.0.0/16", "http://receiver.internal:9000/", "10.2.2.3", False),
        ("10.1.0.0/16", "https://receiver.internal/", "127.0.0.1", False),
        ("10.1.0.0/16", "http://receiver.example/", "8.8.8.8", False),
        ("10.1.0.0/16", "https://receiver.example/", "8.8.8.8", True),
        ("10.1.2.3", "http://receiver.internal/", "10.1.2.3", True),
        ("10.1.2.3:9000", "http://10.1.2.3:9000/", "10.1.2.3", True),
        ("10.1.2.3:9000", "http://10.1.2.3:9001/", "10.1.2.3", False),
        ("[fd00::1]:9000", "http://[fd00::1]:9000/", "fd00::1", True),
        ("a.internal, 10.1.0.0/16 ,,b.internal:1", "http://b.internal:1/", "127.0.0.1", True),
        ("", "http://receiver.internal/", "10.0.0.1", False),
    ],
)
def test_the_operator_may_allow_hosts_ports_and_networks(allowed: str, url: str, address: str, may: bool) -> None:
    if may:
        check_named(parse_url(url), allow(allowed))
        check(parse_url(url), [ip_address(address)], allow(allowed))
    else:
        with pytest.raises(Forbidden):
            check(parse_url(url), [ip_address(address)], allow(allowed))


@pytest.mark.parametrize("text", ["10.0.0.1/8", "two words", "http://receiver", "a:99999", "a:0", "a:b", "[a]:1", "*"])
def test_what_is_no_host_and_no_network_is_refused_by_name(text: str) -> None:
    with pytest.raises(InputError, match=VARIABLE):
        allow(text)
