#!/usr/bin/env python3
"""Writes reference.tsv: each function at a grid of arguments, in 50 digits.

The formulas are written down here from their sources, independently of the
program: WMO-No. 8 volume I annex 4.B (Magnus), the definition of absolute
humidity for an ideal gas, the heat index as the US Weather Prediction Center
publishes it, ISO 2533 for the standard atmosphere.

Usage: python3 reference.py > reference.tsv    (needs mpmath)
"""
from decimal import ROUND_HALF_UP, Decimal

from mpmath import mp, mpf

mp.dps = 50
F = lambda s: mpf(s)


def es(t):
    return F("6.112") * mp.exp(F("17.62") * t / (F("243.12") + t))


def dewpoint(t, rh):
    g = mp.log(rh / 100) + F("17.62") * t / (F("243.12") + t)
    return F("243.12") * g / (F("17.62") - g)


def abs_humidity(t, rh):  # rho = e / (Rv T), in g/m3; 216.679 = 1e5 / 461.512
    return F("2.16679") * (es(t) * rh / 100 * 100) / (t + F("273.15"))


def vpd(t, rh):
    return es(t) * 100 * (1 - rh / 100)


def heat_index(c, rh):
    t = c * 9 / 5 + 32
    simple = (t + F("61.0") + (t - 68) * F("1.2") + rh * F("0.094")) / 2
    if simple < 80:
        return (simple - 32) * 5 / 9
    hi = (F("-42.379") + F("2.04901523") * t + F("10.14333127") * rh - F(".22475541") * t * rh - F(".00683783") * t * t
          - F(".05481717") * rh * rh + F(".00122874") * t * t * rh + F(".00085282") * t * rh * rh - F(".00000199") * t * t * rh * rh)
    if rh < 13 and 80 <= t <= 112:
        hi -= (13 - rh) / 4 * mp.sqrt((17 - abs(t - 95)) / 17)
    if rh > 85 and 80 <= t <= 87:
        hi += (rh - 85) / 10 * ((87 - t) / 5)
    return (hi - 32) * 5 / 9


def sea_level(p, h, t=None):
    g, r, l = F("9.80665"), F("287.05287"), F("0.0065")
    if t is None:
        return p * (1 - l * h / F("288.15")) ** (-g / (r * l))
    return p * mp.exp(g * h / (r * (t + F("273.15") + l * h / 2)))


def rounded(x, d=0):  # half away from zero, of the decimal as written
    q = Decimal(1).scaleb(-int(d))
    return mpf(str((Decimal(x) / q).quantize(Decimal(1), ROUND_HALF_UP) * q))


def out(name, f, *args):
    v = f(*[mpf(a) for a in args])
    print(f"{name}({', '.join(args)})", mp.nstr(v, 25), sep="\t")


print("# written by reference.py; expression, value")
xs = ["0.001", "0.5", "1", "2", "3.14159", "10", "123.456", "1e6"]
for x in xs:
    for n, f in {"sqrt": mp.sqrt, "ln": mp.log, "log10": mp.log10}.items():
        out(n, f, x)
for x in [s + x for x in xs[:-1] for s in ("", "-")]:
    for n, f in {"exp": mp.exp, "sin": mp.sin, "cos": mp.cos, "tan": mp.tan, "abs": abs, "floor": mp.floor, "ceil": mp.ceil}.items():
        out(n, f, x)
for x, y in [("2", "10"), ("2", "0.5"), ("9", "-0.5"), ("1.01", "365"), ("-2", "3"), ("10", "-3"), ("0.1", "0.1"), ("7", "0")]:
    out("pow", mp.power, x, y)
for y, x in [("1", "1"), ("1", "-1"), ("-1", "-1"), ("-1", "1"), ("0", "-1"), ("0", "1"), ("3", "4"), ("1e-3", "-5"), ("-1", "0")]:
    out("atan2", mp.atan2, y, x)
    out("hypot", mp.hypot, y, x)
for x, d in [("2.5", None), ("-2.5", None), ("0.49999999999999994", None), ("3.14159", "2"), ("-3.14159", "3"), ("0.125", "2"),
             ("-0.125", "2"), ("1234.5", "-2"), ("1250", "-2"), ("-1250", "-2"), ("1e20", "3"), ("21.37", "1"), ("99.95", "0")]:
    if d is None:
        print(f"round({x})", mp.nstr(rounded(x), 25), sep="\t")
    else:
        print(f"round({x}, {d})", mp.nstr(rounded(x, d), 25), sep="\t")
temps = ["-45", "-20", "-5.5", "0", "10", "20", "24.97", "26.6", "28", "30", "33.3", "35", "40", "44.4", "50", "60"]
for t in temps:
    for rh in ["0.5", "10", "12.9", "13", "30", "47.3", "85", "85.1", "90", "100", "101.5"]:
        for n, f in {"dewpoint": dewpoint, "abs_humidity": abs_humidity, "vpd": vpd, "heat_index": heat_index}.items():
            out(n, f, t, rh)
for p in ["101325", "95000.5", "70000"]:
    for h in ["0", "-10", "35", "500", "749.5", "2500"]:
        out("sea_level", sea_level, p, h)
        for t in ["-30", "0", "15", "38.2"]:
            out("sea_level", sea_level, p, h, t)
