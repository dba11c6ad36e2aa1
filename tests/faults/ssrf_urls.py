"""URLs that lead, or try to lead, where strangers have no business; and a few that lead to pictures."""

from __future__ import annotations

from urllib.parse import quote

LOOPBACK = [
    *("127.0.0.1", "127.1", "127.0.1", "127.0.0.1.", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1"),
    *("017700000001", "0", "0.0.0.0", "127.255.255.254", "127.0.0.01", "0x7F.1", "4294967295", "127.0.0.1.0"),
]
PRIVATE = [
    *("10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.1", "100.64.0.1"),
    *("100.100.100.200", "169.254.169.254", "169.254.170.2", "192.0.0.192", "168.63.129.16", "192.0.2.1"),
    *("198.18.0.1", "198.19.255.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "192.31.196.1", "192.52.193.1"),
    *("192.175.48.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
]
IPV6 = [
    *("::1", "::", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:169.254.169.254", "::ffff:10.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1"),
    *("2001::1", "2001:0:4136:e378:8000:63bf:80ff:fffe", "2001:20::1", "2001:db8::1", "fc00::1", "fd00:ec2::254"),
    *("fe80::1", "fe80::1%25lo", "fec0::1", "ff02::1", "3fff::1", "2620:4f:8000::1", "100::1", "5f00::1"),
    *("::ffff:0:127.0.0.1", "0:0:0:0:0:0:0:1", "4000::1"),
]
# What the test's resolver says of them; see ``addresses_of``.
NAMES = [
    *("localhost", "LOCALHOST", "localhost.", "loop.test", "metadata.google.internal", "several.test"),
    *("several6.test", "mapped.test", "nat64.test", "sixtofour.test", "none.test", "error.test", "hang.test"),
    *("scoped.test", "garbage.test"),
]
ODD = [
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://１２７.0.0.1/",
    "http://ⓛocalhost/",
    "http://loc%61lhost/",
    "http://127.0.0.1%00.good.test/",
    "http://good.test%2f@127.0.0.1/",
    "http://good.test@127.0.0.1/",
    "http://user:password@good.test/",
    "http://127.0.0.1:80@good.test/",
    "http://good.test\\@127.0.0.1/",
    "http://127.0.0.1\\.good.test/",
    "http:\\\\127.0.0.1\\",
    "http:///127.0.0.1/",
    "http:/127.0.0.1/",
    "http:127.0.0.1",
    "//127.0.0.1/",
    "http://",
    "http://?",
    "http://#",
    "http://good.test:80:80/",
    "http://[::1/",
    "http://::1/",
    "http://[good.test]/",
    "http://[::1].good.test/",
    "http://[::1%]/",
    "http://good..test/",
    "http://.good.test/",
    "http://-good.test/",
    "http://good .test/",
    "http://good.test/a b",
    "http://good.test/\r\nHost: 127.0.0.1",
    "http://good.test/\x00",
    "ht\ntp://127.0.0.1/",
    "\x01http://127.0.0.1/",
    "http://good.test/\ud800",
    "http://xn--/",
    "http://" + "a" * 64 + ".test/",
    "http://" + "a." * 130 + "test/",
    "http://good.test/" + "a" * 3_000,
]
PORTS = [
    f"http://good.test:{port}/" for port in ("22", "6379", "8080", "8443", "0", "65536", "-80", "８０", "+80", "80x")
]
SCHEMES = [
    "file:///etc/passwd",
    "ftp://127.0.0.1/",
    "gopher://127.0.0.1:6379/_INFO",
    "dict://127.0.0.1:11211/stats",
    "data:image/png;base64,iVBORw0KGgo=",
    "ws://127.0.0.1/",
    "jar:http://127.0.0.1!/",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "HTTPS+://127.0.0.1/",
]
REDIRECTIONS = [
    f"http://good.test/to?{quote(where, safe='')}"
    for where in (
        *("http://127.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/", "file:///etc/passwd"),
        *("//127.0.0.1/", "http://127.0.0.1:22/", "http://good.test:22/", "http://user:password@good.test/"),
        *("http://loop.test/", "http://several.test/", "gopher://127.0.0.1/", "\\\\127.0.0.1\\", "http:127.0.0.1"),
        *("http://2130706433/", "https://127.0.0.1/", "http://good.test/to?http%3A%2F%2F127.0.0.1%2F", "http://"),
        *("http://[::ffff:127.0.0.1]/", "/to?" + quote("/to?" + quote("/to?" + quote("/a.png")))),
    )
]
BODIES = [
    f"http://good.test/{name}"
    for name in (
        *("endless", "drip", "slow-head", "headers", "continue", "silence", "close", "ssh", "long", "liar", "two"),
        *("no-location", "404", "500", "401"),
    )
]
TLS = ["https://wrong-name.test/", "https://127.0.0.1/", "https://[::1]/", "https://localhost/"]

HOSTILE = [
    *(f"http://{host}/" for host in (*LOOPBACK, *PRIVATE, *NAMES)),
    *(f"http://[{address}]/" for address in IPV6),
    *(*ODD, *PORTS, *SCHEMES, *REDIRECTIONS, *BODIES, *TLS),
]
# These are fetched, from public addresses and nowhere else.
GOOD = [
    "http://good.test/a.png",
    "HTTP://GOOD.TEST:80/a.png?b=c#d",
    "http://good.test./a.png",
    "https://good.test/a.png",
    "http://93.184.215.14/a.png",
    "http://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]/a.png",
    "http://good6.test/a.png",
    "http://bücher.test/ä.png",
    "http://good.test/moved",
    "http://good.test/moved-away",
    "http://good.test/refresh",
    "http://rebind.test/a.png",
]
