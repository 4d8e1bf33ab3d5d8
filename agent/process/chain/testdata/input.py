"""Writes input.csv: a temperature as a cheap sensor gives it, in steps of 0.01,
at jittered stamps (ns), with spikes, a level shift and two gaps."""
import math

state = 20260101


def noise():
    global state
    state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
    return (state >> 33) / 2**31


stamp = 5_000_000_000_000
for i in range(600):
    value = 21 + 3 * math.sin(i / 40) + 0.4 * (noise() - 0.5)
    if i % 37 == 11:
        value += 30 * (noise() - 0.5)
    if i % 101 in (50, 51):
        value = 85.0
    if i > 400:
        value -= 12.5
    print(f"{stamp},{round(value * 100) / 100:.2f}")
    stamp += 1_000_000_000 + int(80_000_000 * (noise() - 0.5))
    if i in (200, 480):
        stamp += 25_000_000_000
