#!/usr/bin/env python3
"""Writes golden.json: BME680 register images and what they mean.

Exact rational arithmetic (no rounding anywhere before the last step) over the
formulas of BST-BME680-DS001, sections 3.3.1 to 3.3.5 and 3.4.1, with a memory
map of its own. The calibrations are those of real chips, shaken a little.
"""
import json
import random
from fractions import Fraction as F

CHIPS = [  # t1 t2 t3, p1…p10, h1…h7, g1…g3, res_heat_range, res_heat_val, range_sw_err
    ([26195, 26290, 3], [35395, -10405, 88, 4836, -118, 30, 26, -765, -3367, 30],
     [717, 1021, 0, 45, 20, 120, -100], [-30, -5969, 18], 1, 50, 1),
    ([26041, 26469, 3], [36673, -10515, 88, 7310, -129, 30, 46, -3177, -2379, 30],
     [676, 1029, 0, 45, 20, 120, -100], [-30, -24754, 18], 1, 48, 0),
    ([26203, 26519, 3], [35008, -10284, 88, 9692, -202, 30, 24, -516, -3469, 30],
     [794, 1007, 0, 45, 20, 120, -100], [-29, -6100, 18], 2, -40, -3),
]
K1 = [F(x) for x in "1 1 1 1 1 0.99 1 0.992 1 1 0.998 0.995 1 0.99 1 1".split()]
K2 = [F(8000000, 2 ** n) * (100 / (100 + F(e))) for n, e in enumerate("0 0 0 0 0.1 0.7 0 -0.8 -0.1 0 0 0 0 0 0 0".split())]


def image(t, p, h, g, rng, val, sw):
    m = [0] * 256

    def put(at, v, size=1):
        for i, b in enumerate((v & (256 ** size - 1)).to_bytes(size, "little")):
            m[at + i] = b
    put(0xE9, t[0], 2), put(0x8A, t[1], 2), put(0x8C, t[2])
    put(0x8E, p[0], 2), put(0x90, p[1], 2), put(0x92, p[2]), put(0x94, p[3], 2), put(0x96, p[4], 2)
    put(0x99, p[5]), put(0x98, p[6]), put(0x9C, p[7], 2), put(0x9E, p[8], 2), put(0xA0, p[9])
    put(0xE2, (h[0] & 15) | (h[1] & 15) << 4), put(0xE3, h[0] >> 4), put(0xE1, h[1] >> 4)
    for i, v in enumerate(h[2:]):
        put(0xE4 + i, v)
    put(0xED, g[0]), put(0xEB, g[1], 2), put(0xEE, g[2])
    put(0x00, val), put(0x02, rng << 4), put(0x04, (sw & 15) << 4)
    return m


def air(t, p, h, adc_t, adc_p, adc_h):
    x = F(adc_t, 16384) - F(t[0], 1024)
    fine = x * t[1] + (x / 8) ** 2 * t[2] * 16
    cel = fine / 5120
    u = fine / 2 - 64000
    off = (u * u * F(p[5], 131072) + u * p[4] * 2) / 4 + p[3] * 65536
    span = (1 + (F(p[2], 16384) * u * u + p[1] * u) / 524288 / 32768) * p[0]
    q = (1048576 - adc_p - off / 4096) * 6250 / span
    pa = q + (F(p[8], 2 ** 31) * q * q + F(p[7], 32768) * q + (q / 256) ** 3 * F(p[9], 131072) + p[6] * 128) / 16
    a = adc_h - (h[0] * 16 + F(h[2], 2) * cel)
    b = a * F(h[1], 262144) * (1 + F(h[3], 16384) * cel + F(h[4], 1048576) * cel * cel)
    rh = b + (F(h[5], 16384) + F(h[6], 2097152) * cel) * b * b
    return cel, pa, min(max(rh, F(0)), F(100))


def ohms(sw, adc, rng):
    base = (1340 + 5 * sw) * K1[rng]
    return base * K2[rng] / (adc - 512 + base)


def heater(g, rng, val, target, cel):
    d = (F(g[0], 16) + 49) * (1 + (F(g[1], 32768) * F(5, 10000) + F(235, 100000)) * target) + F(g[2], 1024) * cel
    return F(34, 10) * (d * F(4, 4 + rng) / (1 + F(val, 500)) - 25)


def main():
    random.seed(680)
    cases = []
    for n in range(60):
        t, p, h, g, rng, val, sw = CHIPS[n % 3]
        shake = lambda l: [v + random.randint(-abs(v) // 50, abs(v) // 50) for v in l]
        t, p, h, g = shake(t), shake(p), shake(h), shake(g)
        adc_t, adc_p, adc_h = random.randint(380000, 560000), random.randint(250000, 450000), random.randint(13000, 32000)
        adc_g, rng_g, target, air_c = random.randint(0, 1023), n % 16, random.randint(200, 400), random.randint(-20, 60)
        cel, pa, rh = air(t, p, h, adc_t, adc_p, adc_h)
        m = image(t, p, h, g, rng, val, sw)
        data = bytes([0x80, 0]) + b"".join((v << 4).to_bytes(3, "big") for v in (adc_p, adc_t)) + adc_h.to_bytes(2, "big")
        data += bytes(3) + bytes([adc_g >> 2, (adc_g & 3) << 6 | 0x30 | rng_g])
        cases.append({
            "low": bytes(m[0x8A:0xA1]).hex(), "high": bytes(m[0xE1:0xEF]).hex(), "heater": bytes(m[0:5]).hex(), "data": data.hex(),
            "temperature": float(cel), "pressure": float(pa), "humidity": float(rh), "gas": float(ohms(sw, adc_g, rng_g)),
            "target": target, "air": air_c, "res_heat": float(heater(g, rng, val, target, air_c)),
        })
    with open("golden.json", "w") as f:
        json.dump(cases, f, indent=0)
        f.write("\n")


main()
