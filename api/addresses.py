"""Which addresses are public: an explicit list, because ``ipaddress.is_global`` lets through what is not.

On Python 3.11 that passes 192.0.0.192, 168.63.129.16, 192.88.99.1, multicast, ``::127.0.0.1``, ``64:ff9b::/96``,
``2002::/16``, ``fec0::/10`` and more, some of which lead to a cloud's secrets.
"""

from __future__ import annotations

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# IANA's registry of special-purpose IPv4 addresses, multicast, what is reserved, and Azure's 168.63.129.16.
_NOT_PUBLIC_4 = [
    ipaddress.IPv4Network(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24"),
        *("192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
    )
]
# Nothing but global unicast, less what carries IPv4 inside it (Teredo, 6to4), documentation, and other uses.
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_6 = [
    ipaddress.IPv6Network(block)
    for block in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]


def is_public(address: str) -> bool:
    """Whether an address, as a resolver gives it, is one of the public internet; False for what is none."""
    try:
        found: Address = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.scope_id is not None:
            return False
        if found.ipv4_mapped is None:
            return found in _PUBLIC_6 and not any(found in block for block in _NOT_PUBLIC_6)
        found = found.ipv4_mapped
    return not any(found in block for block in _NOT_PUBLIC_4)
