#!/usr/bin/env python3
"""Decode telhub's compact payloads, as docs/wire.md section 6 specifies them.

An example for readers of the stream, with nothing but the standard library:

    from decode_compact import decode
    for name, unit, stamp, value in decode(entry[b"d"], int(entry[b"n"]), int(entry[b"t0"])):
        ...

value is a float, or a str for an event: a status such as "lost", or an alarm
such as "alarm high". Run as a program it reads
lines "n t0 hex" from standard input and prints the samples of each, one a
line, separated by tabs, and an empty line after each payload.
"""

import struct
import sys

WORDS = """- temperature humidity pressure lat lon alt speed course
satellites hdop vdop pdop fix depth water_temperature heading
voltage current power energy frequency power_factor active_power reactive_power
apparent_power import_energy export_energy co2 pm1 pm2_5 pm4 pm10
voc nox illuminance distance level flow weight count
state x y z accel_x accel_y accel_z gyro_x
gyro_y gyro_z magn_x magn_y magn_z dew_point moisture conductivity
ph rain wind_speed wind_direction battery rate_of_turn value""".split()
WORDS[0] = ""
UNITS = """- - Cel %RH Pa hPa lat lon m
m/s m/s2 rad deg V A W J
Wh kWh VA VAh var varh Hz /
% ppm ppb ug/m3 lx count s ms
kg g K mV mA mW kW kVA
kvar kvarh dB dBm Ohm S/m pH l
m3 l/s m3/s mm cm km km/h 1/min
T N cd lm W/m2 %EL EL""".split()
UNITS[0] = UNITS[1] = ""
EVENTS = {
    1: ["ok", "stale", "bad", "lost"],
    2: ["alarm clear", "alarm high", "alarm low", "alarm stale"],
}

MAX_SAMPLES, MAX_CHANNELS, MAX_TEXT = 65536, 4096, 262144


class Damaged(ValueError):
    """The payload is not what wire.md describes."""


def check(condition, what):
    if not condition:
        raise Damaged(what)


def wrap(x):
    """Take x modulo 2**64, signed."""
    x &= 2**64 - 1
    return x - 2**64 if x >> 63 else x


def contexts(n):
    return [[32768, 0] for _ in range(n)]


class Model:
    """What a sort of number has learnt (6.3)."""

    def __init__(self):
        self.klass = contexts(16)
        self.more = contexts(64)
        self.below = [contexts(8) for _ in range(16)]
        self.sign = contexts(16)

    def soften(self):
        for tree in [self.klass, self.more, self.sign] + self.below:
            for context in tree:
                context[1] = min(6, context[1])


class ColumnModels:
    """The models of a sort of column (6.7)."""

    def __init__(self):
        self.first, self.mean, self.coef, self.resid = Model(), Model(), Model(), Model()
        self.diff, self.taps, self.shift = contexts(4), contexts(32), contexts(16)


class Reader:
    """The range coder and what is built from its bits (6.2, 6.3, 6.7)."""

    def __init__(self, data):
        self.data, self.pos = data, 0
        self.width, self.code = 2**32 - 1, 0
        for _ in range(4):
            self.code = self.code << 8 | self.byte()
        self.frozen = 0
        self.frozen = self.direct(1)

    def byte(self):
        self.pos += 1
        return self.data[self.pos - 1] if self.pos <= len(self.data) else 0

    def renormalise(self):
        while self.width < 1 << 24:
            self.code = (self.code << 8 | self.byte()) & 0xFFFFFFFF
            self.width <<= 8

    def direct(self, k):
        v = 0
        while k > 0:
            j = min(k, 16)
            k -= j
            self.width >>= j
            piece = min(self.code // self.width, 2**j - 1)
            self.code -= piece * self.width
            v = v << j | piece
            self.renormalise()
        return v

    def bit(self, context):
        if self.frozen:
            return self.direct(1)
        p, c = context
        bound = (self.width >> 16) * p
        r = 131072 // (2 * c + 3)
        if self.code < bound:
            bit, self.width = 0, bound
            context[0] = min(65504, p + ((65536 - p) * r >> 16))
        else:
            bit = 1
            self.code -= bound
            self.width -= bound
            context[0] = max(32, p - (p * r >> 16))
        context[1] = min(127, c + 1)
        self.renormalise()
        return bit

    def tree(self, ctx, k):
        i = 1
        for _ in range(k):
            i = 2 * i + self.bit(ctx[i])
        return i - (1 << k)

    def number(self, m):
        c = self.tree(m.klass, 4)
        if c == 15:
            c += self.tree(m.more, 6)
        check(c <= 64, "number too long")
        if c < 2:
            return c
        b = c - 1
        a = min(b, 3)
        u = 1 << a | self.tree(m.below[min(c, 15)], a)
        return u << (b - a) | self.direct(b - a)

    def signed(self, m):
        u = self.number(m)
        if u and self.bit(m.sign[min(u.bit_length(), 15)]):
            u = -u
        return wrap(u)

    def column(self, m, n):
        if n >= 16:
            m.resid.soften()
        diff, mean, slope, taps, shift, w = 1, 0, 0, 0, 0, []
        if n >= 3:
            diff = self.tree(m.diff, 2)
            if diff == 0:
                mean = self.signed(m.first)
            elif diff == 3:
                mean = self.signed(m.first)
                slope = self.signed(m.mean)
            else:
                mean = self.signed(m.mean)
            taps = min(self.tree(m.taps, 5), 16)
            if taps:
                shift = self.tree(m.shift, 4)
                w = [self.signed(m.coef) for _ in range(taps)]
        x, past = [], [0] * taps
        half = 1 << shift >> 1
        for i in range(n):
            if i == 0 and diff in (1, 2):
                x.append(self.signed(m.first))
                continue
            if i == 1 and diff == 2:
                x.append(wrap(x[0] + self.signed(m.mean)))
                continue
            if diff == 0:
                base = mean
            elif diff == 1:
                base = x[-1] + mean
            elif diff == 2:
                base = 2 * x[-1] - x[-2] + mean
            else:
                base = mean + (wrap(i * slope) >> 16)
            y = self.signed(m.resid)
            if taps:
                y += wrap(half + sum(a * b for a, b in zip(w, past))) >> shift
                y = wrap(y)
                past = [y] + past[:-1]
            x.append(wrap(base + y))
        return x


def float64(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def read_scale(r, m):
    """Return kind and a function from integers to values (6.8)."""
    kind = r.tree(m.kind, 3)
    check(kind <= 4, "unknown scale")
    if kind == 0:
        places = r.tree(m.places, 4)
        unit = r.number(m.factor)
        check(1 <= unit <= 2**51, "unit of a decimal scale")
        return kind, lambda i: float(wrap(i * unit)) / float(10**places)
    if kind == 1:
        parts = r.number(m.factor)
        check(1 <= parts <= 2**32, "parts of a fraction")
        return kind, lambda i: float(i) / float(parts)
    if kind == 2:
        lsb = float64(r.direct(64))
        return kind, lambda i: float(i) * lsb
    if kind == 3:
        def single(i):
            b = i & 0xFFFFFFFF
            if b >> 31:
                b ^= 0x7FFFFFFF
            return struct.unpack("<f", struct.pack("<I", b))[0]
        return kind, single

    def double(i):
        b = i & 0xFFFFFFFFFFFFFFFF
        if b >> 63:
            b ^= 0x7FFFFFFFFFFFFFFF
        return float64(b)
    return kind, double


class Models:
    """Everything that is learnt in a payload (6.4 … 6.9)."""

    def __init__(self):
        self.count, self.length, self.factor = Model(), Model(), Model()
        self.skip, self.channel, self.stamp, self.event = Model(), Model(), Model(), Model()
        self.char, self.word, self.unit = contexts(256), contexts(64), contexts(64)
        self.kind, self.places = contexts(8), contexts(16)
        self.dense, self.misses, self.missing = contexts(1)[0], contexts(1)[0], contexts(1)[0]
        self.times, self.values = ColumnModels(), ColumnModels()


def read_text(r, m, limit):
    n = r.number(m.length)
    check(n <= limit, "text too long")
    return bytes(r.tree(m.char, 8) for _ in range(n))


def read_entry(r, m, last):
    """Read name and unit of a dictionary entry (6.5)."""
    shared = r.number(m.length)
    check(shared <= len(last), "name shares too much")
    name = last[:shared] + read_text(r, m, 255)
    name += WORDS[r.tree(m.word, 6)].encode()
    check(1 <= len(name) <= 255, "length of a name")
    number = r.tree(m.unit, 6)
    unit = UNITS[number].encode() if number else read_text(r, m, 63)
    return name, unit


def read_presence(r, m, rows, channels):
    if r.bit(m.dense):
        return [[1] * channels for _ in range(rows)]
    ctx = [contexts(4) for _ in range(channels)]
    above, result = [0] * channels, []
    for _ in range(rows):
        row, left = [], 0
        for i in range(channels):
            left = r.bit(ctx[i][2 * above[i] + left])
            row.append(left)
        check(any(row), "row without a value")
        result.append(row)
        above = row
    return result


def read_values(r, m, n):
    """Read one channel's values (6.8)."""
    kind, value = read_scale(r, m)
    out = [None] * n
    if kind != 4 and r.bit(m.misses):
        for i in range(n):
            if r.bit(m.missing):
                out[i] = float64(r.direct(64))
    integers = iter(r.column(m.values, out.count(None)))
    out = [value(next(integers)) if v is None else v for v in out]
    check(all(v - v == 0 for v in out), "value is not finite")
    return out


def read_group(r, m, dictionary, room):
    """Read a group and return its values in decoded order."""
    channels, first = r.number(m.count), len(dictionary)
    check(1 <= channels <= 64 and first + channels <= MAX_CHANNELS, "number of channels")
    for _ in range(channels):
        dictionary.append(read_entry(r, m, dictionary[-1][0] if dictionary else b""))
    check(sum(len(n) + len(u) for n, u in dictionary) <= MAX_TEXT, "names too long")
    rows = r.number(m.count)
    check(rows <= room, "number of rows")
    if rows == 0:
        return []
    stamps = r.column(m.times, rows)
    present = read_presence(r, m, rows, channels)
    check(sum(map(sum, present)) <= room, "number of values")
    columns = []
    for i in range(channels):
        n = sum(row[i] for row in present)
        columns.append(iter(read_values(r, m, n) if n else []))
    return [(first + i, stamp, next(columns[i]))
            for stamp, row in zip(stamps, present) for i in range(channels) if row[i]]


def read_events(r, m, dictionary, values, room):
    """Insert the events into the values (6.9)."""
    count = r.number(m.count)
    check(count <= room, "number of events")
    out, taken = [], 0
    for _ in range(count):
        skip, channel, stamp = r.number(m.skip), r.number(m.channel), r.number(m.stamp)
        kind, code = r.number(m.event), r.number(m.event)
        check(taken + skip <= len(values) and channel < len(dictionary), "place of an event")
        check(kind in EVENTS and code <= 3, "unknown event")
        out += values[taken:taken + skip]
        taken += skip
        out.append((channel, stamp, EVENTS[kind][code]))
    return out + values[taken:]


def decode(payload, n, t0):
    """Return the samples of a payload: (name, unit, stamp in ms, float or event)."""
    check(len(payload) > 0 and n <= MAX_SAMPLES, "empty, or too many samples")
    check(payload[0] == 1, "unknown version %d" % payload[0])
    r, m = Reader(payload[1:]), Models()
    groups = r.number(m.count)
    check(groups <= MAX_CHANNELS, "number of groups")
    dictionary, values = [], []
    for _ in range(groups):
        values += read_group(r, m, dictionary, n - len(values))
    samples = read_events(r, m, dictionary, values, n - len(values))
    check(len(samples) == n, "number of samples")
    check(0 <= r.pos - len(r.data) <= 4, "length of the payload")
    return [(dictionary[c][0].decode(), dictionary[c][1].decode(), t0 + stamp, v) for c, stamp, v in samples]


def main():
    for line in sys.stdin:
        n, t0, data = line.split()
        for name, unit, stamp, value in decode(bytes.fromhex(data), int(n), int(t0)):
            print(name, unit or "-", stamp, value if isinstance(value, str) else repr(value), sep="\t")
        print()


if __name__ == "__main__":
    main()
