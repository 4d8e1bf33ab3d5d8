"""Writes the files *.hex beside it, SML files as meters send them, and *.json,
the numbers in them with their OBIS codes and units.

Written apart from the decoder, from SML 1.04: elements are nested Python
values, and every length and checksum is computed here. reference.c reads the
files with libsml and writes *.tsv. Run it in this folder:

    python3 encode.py && sh reference.sh
"""
import json
import struct
from decimal import Decimal


class U(int):
    """Unsigned of the fewest bytes, or of width."""
    width = 0


def u(value, width):
    n = U(value)
    n.width = width
    return n


class I(int):
    """Signed of width bytes."""
    width = 4


def i(value, width):
    n = I(value)
    n.width = width
    return n


NONE = None  # an optional element that is left out


def head(kind, length):
    """Type and length; lengths over 15 take more bytes."""
    nibbles = []
    while True:
        nibbles.insert(0, length & 15)
        length >>= 4
        if not length:
            break
    out = [kind << 4 | nibbles[0]] + nibbles[1:]
    for k in range(len(out) - 1):
        out[k] |= 0x80
    return bytes(out)


def sized(kind, data):
    """Octet strings and numbers, whose length counts the head too."""
    n = 1
    while len(head(kind, len(data) + n)) != n:
        n += 1
    return head(kind, len(data) + n) + data


def encode(x):
    if x is None:
        return b"\x01"
    if isinstance(x, bool):
        return b"\x42" + bytes([x])
    if isinstance(x, bytes):
        return sized(0, x)
    if isinstance(x, U):
        width = x.width or max(1, (x.bit_length() + 7) // 8)
        return sized(6, x.to_bytes(width, "big"))
    if isinstance(x, I):
        return sized(5, x.to_bytes(x.width, "big", signed=True))
    if isinstance(x, list):
        return head(7, len(x)) + b"".join(map(encode, x))
    if isinstance(x, Raw):
        return x.data
    raise TypeError(x)


class Raw:
    """Bytes that are elements already."""

    def __init__(self, data):
        self.data = data


def reflected(data, start):
    value = start
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x8408 if value & 1 else 0)
    return value


def x25(data):
    return struct.pack("<H", reflected(data, 0xFFFF) ^ 0xFFFF)


def kermit(data):
    return struct.pack(">H", reflected(data, 0))


def message(number, tag, body, checksum=x25):
    inside = head(7, 6) + encode(b"\x00\x10" + bytes([number])) + encode(u(0, 1)) + encode(u(0, 1))
    inside += head(7, 2) + encode(u(tag, 2)) + encode(body)
    return inside + b"\x63" + checksum(inside) + b"\x00"


def obis(text):
    a, b, c, d, e = map(int, text.replace("-", " ").replace(":", " ").replace(".", " ").split())
    return bytes([a, b, c, d, e, 255])


TOLD = {}


def value(code, unit, scaler, number, status=NONE, time=NONE, told=None):
    number_told = int(number) if told is None else told
    TOLD[code] = (255 if unit is None else unit, str(Decimal(number_told).scaleb(scaler or 0)))
    unit = NONE if unit is None else u(unit, 1)
    scaler = NONE if scaler is None else i(scaler, 1)
    return [obis(code), status, time, unit, scaler, number, NONE]


def get_list(server, values, time=NONE, **more):
    return [NONE, server, obis("1-0:98.10.255")[:5] + b"\xff", time, values, NONE, NONE]


def messages(server, values, time=NONE, checksum=x25):
    opening = [NONE, NONE, b"\x00\x01\x02", server, NONE, NONE]
    return (message(1, 0x0101, opening, checksum)
            + message(2, 0x0701, get_list(server, values, time), checksum)
            + message(3, 0x0201, [NONE], checksum))


def transport(data, checksum=x25, fill=None):
    fill = -len(data) % 4 if fill is None else fill
    escaped = data.replace(b"\x1b" * 4, b"\x1b" * 8)
    out = b"\x1b" * 4 + b"\x01" * 4 + escaped + b"\x00" * fill + b"\x1b" * 4 + b"\x1a" + bytes([fill])
    return out + checksum(out)


SERVER = b"\x0a\x01TST" + (70000001).to_bytes(5, "big")

WANT = {}


class Files(dict):
    """Keeps what value was told since the last file."""

    def __setitem__(self, name, data):
        super().__setitem__(name, data)
        WANT[name] = dict(TOLD)
        TOLD.clear()


FILES = Files()

# A usual three-phase meter: the codes of a DIN meter, every kind of width.
FILES["usual"] = transport(messages(SERVER, [
    [obis("1-0:96.50.1"), NONE, NONE, NONE, NONE, b"TST", NONE],
    [obis("1-0:96.1.0"), NONE, NONE, NONE, NONE, SERVER, NONE],
    value("1-0:1.8.0", 30, -1, u(123456789, 8), status=u(0x1C0104, 3), time=[u(1, 1), u(5044222, 4)]),
    value("1-0:1.8.1", 30, -1, u(23456789, 5)),
    value("1-0:1.8.2", 30, -1, u(100000000, 4)),
    value("1-0:2.8.0", 30, -4, i(9876543210, 8)),
    value("1-0:16.7.0", 27, 0, i(-1234, 2)),
    value("1-0:36.7.0", 27, -2, i(-32768, 2)),
    value("1-0:56.7.0", 27, -2, i(8388607, 3)),
    value("1-0:76.7.0", 27, -1, i(-1, 1)),
    value("1-0:32.7.0", 35, -1, u(2301, 2)),
    value("1-0:52.7.0", 35, -1, u(2295, 2)),
    value("1-0:72.7.0", 35, -1, u(2310, 3)),
    value("1-0:31.7.0", 33, -2, u(255, 1)),
    value("1-0:51.7.0", 33, -3, i(-4567, 4)),
    value("1-0:71.7.0", 33, -2, u(0, 1)),
    value("1-0:14.7.0", 44, -1, u(499, 2)),
    value("1-0:81.7.1", 8, 0, u(120, 2)),
    value("1-0:81.7.26", 8, 0, u(355, 2)),
    value("1-0:15.7.0", 27, 1, i(77, 8)),
    value("1-0:3.8.0", 32, 0, u(1 << 40, 6)),
    [obis("129-129:199.130.5"), NONE, NONE, NONE, NONE, bytes(range(48)), NONE],
], time=[u(1, 1), u(5044222, 4)]))

# The smallest: no time, no units that matter, one entry.
FILES["smallest"] = transport(messages(b"\x06TST\x01\x02\x03\x04\x05\x06", [value("1-0:1.8.0", 30, 3, u(7, 1))]))

# No scaler, no unit; a boolean; a code of the billing period.
FILES["optional"] = transport(messages(SERVER, [
    value("1-0:1.8.0", 30, None, u(4711, 4)),
    value("1-0:13.7.0", None, -3, i(987, 2)),
    value("1-0:2.8.0", 255, 0, u(1, 1)),
    [obis("1-0:1.8.1")[:5] + b"\x60", NONE, NONE, u(30, 1), i(0, 1), u(99, 2), NONE],
    [obis("0-0:96.8.0"), NONE, NONE, NONE, NONE, True, NONE],
], time=[u(2, 1), u(1700000000, 4)]))

# Escape sequences within the data, at several places and with ends of 1B.
FILES["escapes"] = transport(messages(SERVER, [
    value("1-0:1.8.0", 30, -1, u(0x1B1B1B1B, 4)),
    value("1-0:1.8.1", 30, -1, u(0x001B1B1B1B1B, 6)),
    value("1-0:2.8.0", 30, -1, u(0x1B1B1B1B1B1B1B1B, 8)),
    value("1-0:16.7.0", 27, -1, i(0x1B1B1B, 3)),
    [obis("1-0:96.1.0"), NONE, NONE, NONE, NONE, b"\x1b" * 9 + b"\x1a\x01", NONE],
]))

# Holley's DTZ541: KERMIT checksums, times without the list around them.
FILES["kermit"] = transport(messages(b"\x0a\x01HLY\x02\x00\x03\x04\x05", [
    value("1-0:1.8.0", 30, -4, u(113_7702, 8), status=u(0x1C0904, 3), time=u(3211, 4)),
    value("1-0:2.8.0", 30, -4, u(52_0000, 8), time=u(3211, 4)),
    value("1-0:16.7.0", 27, 0, i(-281, 4)),
], time=u(3211, 4), checksum=kermit), checksum=kermit)

# DZG's DVS74 in the range of numbers with the defect.
DZG = b"\x0a\x01DZG" + (42123456).to_bytes(5, "big")
FILES["dvs74"] = transport(messages(DZG, [
    [obis("1-0:96.1.0"), NONE, NONE, NONE, NONE, DZG, NONE],
    value("1-0:1.8.0", 30, -1, u(5_000_000, 4)),
    value("1-0:16.7.0", 27, -2, Raw(b"\x53\x80\x25"), told=0x8025),
]))
FILES["dvs74_export"] = transport(messages(DZG, [
    [obis("1-0:96.1.0"), NONE, NONE, NONE, NONE, DZG, NONE],
    value("1-0:16.7.0", 27, -2, i(-126061, 4)),
]))

# The extremes of all widths.
FILES["extremes"] = transport(messages(SERVER, [
    value("1-0:1.8.0", 30, -7, u((1 << 64) - 1, 8)),
    value("1-0:2.8.0", 30, 0, u((1 << 32) - 1, 4)),
    value("1-0:16.7.0", 27, -3, i(-(1 << 63), 8)),
    value("1-0:36.7.0", 27, 0, i(-(1 << 31), 4)),
    value("1-0:56.7.0", 27, 0, i(-(1 << 7), 1)),
    value("1-0:76.7.0", 27, 0, i(-(1 << 39), 5)),
    value("1-0:1.7.0", 27, 0, u((1 << 24) - 1, 3)),
    value("1-0:2.7.0", 27, 0, u((1 << 56) - 1, 7)),
]))

for name, data in FILES.items():
    with open(name + ".hex", "w", encoding="ascii") as f:
        for at in range(0, len(data), 32):
            f.write(data[at:at + 32].hex() + "\n")
    with open(name + ".json", "w", encoding="ascii") as f:
        json.dump(WANT[name], f, indent=1)
        f.write("\n")
    print(name, len(data))
