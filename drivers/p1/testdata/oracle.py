"""Reads the telegrams *.txt beside it and writes what they say to *.json.

Written apart from the decoder, from the P1 companion standards: regular
expressions, decimal arithmetic, the time zone database. Run it in this folder:

    python3 oracle.py
"""
import glob
import json
import re
from datetime import datetime, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

JOULE = {"kWh": 3600000, "Wh": 3600, "GJ": 10**9, "kvarh": 3600000, "varh": 3600}
PLAIN = {"kW": 1000, "W": 1, "kvar": 1000, "var": 1, "V": 1, "A": 1, "m3": 1, "Hz": 1}

NAMES = {
    "0-0:96.14.0": "tariff", "0-0:96.3.10": "breaker", "0-0:17.0.0": "power_limit", "1-0:31.4.0": "current_limit",
    "1-0:1.4.0": "demand", "1-0:1.6.0": "demand_max", "1-0:14.7.0": "frequency", "1-0:13.7.0": "power_factor",
    "0-0:96.7.21": "power_failures", "0-0:96.7.9": "long_power_failures",
}
for tariff in range(5):
    suffix = f"_t{tariff}" if tariff else ""
    NAMES[f"1-0:1.8.{tariff}"] = "energy_import" + suffix
    NAMES[f"1-0:2.8.{tariff}"] = "energy_export" + suffix
for c, name in (1, "power_import"), (2, "power_export"), (3, "reactive_power_import"), (4, "reactive_power_export"):
    NAMES[f"1-0:{c}.7.0"] = name
    for phase in 1, 2, 3:
        NAMES[f"1-0:{c + 20 * phase}.7.0"] = f"{name}_l{phase}"
for phase in 1, 2, 3:
    NAMES[f"1-0:{12 + 20 * phase}.7.0"] = f"voltage_l{phase}"
    NAMES[f"1-0:{11 + 20 * phase}.7.0"] = f"current_l{phase}"
    NAMES[f"1-0:{12 + 20 * phase}.32.0"] = f"voltage_sags_l{phase}"
    NAMES[f"1-0:{12 + 20 * phase}.36.0"] = f"voltage_swells_l{phase}"
NAMES["1-0:3.8.0"], NAMES["1-0:4.8.0"] = "reactive_energy_import", "reactive_energy_export"
METERS = {3: ("gas_volume", "gas_time"), 7: ("water_volume", "water_time"), 4: ("heat_energy", "heat_time")}
WITHOUT_UNIT = {"tariff", "breaker"}


def crc(data):
    """CRC-16/ARC."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
    return value


def instant(text):
    """Seconds since 1970 of YYMMDDhhmmssX in Amsterdam, or None without letter."""
    if not re.fullmatch(r"\d{12}[SW]", text):
        return None
    local = datetime.strptime(text[:12], "%y%m%d%H%M%S").replace(tzinfo=ZoneInfo("Europe/Amsterdam"))
    summer = bool(local.dst())
    assert summer == (text[12] == "S"), text
    return int(local.astimezone(timezone.utc).timestamp())


def convert(text):
    """VALUE*UNIT in SenML's unit."""
    value, _, unit = text.partition("*")
    return float(Decimal(value) * (JOULE.get(unit) or PLAIN.get(unit) or 1))


def decode(raw):
    text = raw.decode("latin-1")
    body, _, sent = text.partition("!")
    if sent.strip():
        assert crc((body + "!").encode("latin-1")) == int(sent.strip(), 16), "checksum"
    lines = re.sub(r"\r?\n\(", "(", body).splitlines()
    out, kinds, readings = {}, {}, {}
    for line in lines[1:]:
        match = re.match(r"(\d+-\d+:\d+\.\d+\.\d+)(?:\*255)?(\(.*)", line)
        if not match:
            continue
        code, groups = match[1], re.findall(r"\(([^)]*)\)", match[2])
        meter = re.fullmatch(r"0-([1-9]):24\.(\d)\.(\d)", code)
        if code == "0-0:1.0.0":
            if instant(groups[0]) is not None:
                out["meter_time"] = instant(groups[0])
        elif meter and meter[2] == "1":
            kinds[meter[1]] = int(groups[0])
        elif meter and meter[2] in "23":
            value = f"{groups[6]}*{groups[5]}" if meter[2] == "3" else groups[1]
            readings[meter[1]] = (value, instant(groups[0]))
        elif code in NAMES and len(groups) <= 2 and groups[-1]:
            name = NAMES[code]
            has_unit = "*" in groups[-1]
            if has_unit != (name in WITHOUT_UNIT) or "_sags" in name or "_swells" in name or "failures" in name:
                out[name] = convert(groups[-1])
    for channel, (value, time) in sorted(readings.items()):
        name, name_time = METERS[kinds[channel]]
        out[name] = convert(value)
        if time is not None:
            out[name_time] = time
    return out


for path in sorted(glob.glob("*.txt")):
    with open(path, "rb") as f:
        result = decode(f.read())
    with open(path[:-4] + ".json", "w", encoding="ascii") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
    print(path, len(result))
