"""A network of the test's own: every address of the world is this machine, and every attempt to connect is seen.

For a process that ``unshare --net`` has put into a network namespace, as root or with ``--map-root-user``.
"""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
import threading
import time

_SIOCSIFFLAGS = 0x8914
_UP = 0x1 | 0x8 | 0x40  # IFF_UP, LOOPBACK, RUNNING
_RTM_NEWROUTE, _REQUEST, _CREATE, _ACK = 24, 0x1, 0x400, 0x4
_TABLE_LOCAL, _TYPE_LOCAL, _SCOPE_HOST, _PROTO_BOOT = 255, 2, 254, 3
_ATTRIBUTE_OIF = 4
_ETH_P_ALL = 0x0003
_SYN, _ACK_FLAG = 0x02, 0x10


def own_the_world() -> None:
    """Bring loopback up and route every address to it, so that whatever is connected to is here.

    Raises:
        OSError: this is not a namespace of ours.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _UP))
    for family in (socket.AF_INET, socket.AF_INET6):
        _add_local_route(family, socket.if_nametoindex("lo"))


def _add_local_route(family: int, interface: int) -> None:
    """``ip route add local default dev lo``, without needing iproute2."""
    route = struct.pack(
        "BBBBBBBBI", family, 0, 0, 0, _TABLE_LOCAL, _PROTO_BOOT, _SCOPE_HOST, _TYPE_LOCAL, 0
    ) + struct.pack("HHI", 8, _ATTRIBUTE_OIF, interface)
    header = struct.pack("IHHII", 16 + len(route), _RTM_NEWROUTE, _REQUEST | _CREATE | _ACK, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.send(header + route)
        answer = netlink.recv(4096)
        error = struct.unpack_from("i", answer, 16)[0]
        if error:
            raise OSError(-error, "cannot add a route")


class Canary:
    """Sees each attempt to open a connection, and each datagram, whatever becomes of it."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, int]] = []
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        self._socket.bind(("lo", _ETH_P_ALL))
        self._socket.settimeout(0.1)
        self._stopping = False
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def take(self) -> list[tuple[str, int]]:
        """What was attempted since the last time: (address, port)."""
        time.sleep(0.02)  # packets pass through the kernel's queue
        seen, self.seen = self.seen, []
        return seen

    def close(self) -> None:
        """Stop watching."""
        self._stopping = True
        self._thread.join()
        self._socket.close()

    def _watch(self) -> None:
        while not self._stopping:
            try:
                frame, (_, _, kind, _, _) = self._socket.recvfrom(65_536)
            except TimeoutError:
                continue
            if kind == socket.PACKET_OUTGOING:  # on loopback each comes in as well
                continue
            attempt = _attempt(frame[14:])
            if attempt is not None:
                self.seen.append(attempt)


def _attempt(packet: bytes) -> tuple[str, int] | None:
    """Where a packet leads that begins something: a TCP SYN or a datagram."""
    if not packet:
        return None
    if packet[0] >> 4 == 4:
        protocol, address, rest = packet[9], packet[16:20], packet[4 * (packet[0] & 15) :]
    else:
        protocol, address, rest = packet[6], packet[24:40], packet[40:]
    if protocol == socket.IPPROTO_TCP and rest[13] & (_SYN | _ACK_FLAG) == _SYN:
        return str(ipaddress.ip_address(address)), struct.unpack_from("!H", rest, 2)[0]
    if protocol == socket.IPPROTO_UDP:
        return str(ipaddress.ip_address(address)), struct.unpack_from("!H", rest, 2)[0]
    return None
