"""Steps over input.csv with exact arithmetic: median and mean of the last 5 and
6 values and of (t-10s, t], Hampel identifier (k = 3, 7 values, resolution
0.01), round to one decimal, to tens, and to the nearest 0.25. "x" = held back."""
import csv, decimal, fractions, statistics

D = decimal.Decimal


def to_multiple(text, size):
    return float((D(text) / D(size)).quantize(D(1), decimal.ROUND_HALF_UP) * D(size))


def exact_mean(values):
    return float(sum(map(fractions.Fraction, values)) / len(values))


rows = [(int(t), text, float(text)) for t, text in csv.reader(open("input.csv"))]
for i, (t, text, v) in enumerate(rows):
    last = [r[2] for r in rows[: i + 1]]
    in_time = [r[2] for r in rows[: i + 1] if r[0] > t - 10_000_000_000]
    center = statistics.median(last[-7:])
    mad = statistics.median(abs(x - center) for x in last[-7:])
    held = abs(v - center) > 3 * max(1.4826 * mad, 0.01)
    print(t, statistics.median(last[-5:]), statistics.median(last[-6:]), statistics.median(in_time),
          exact_mean(last[-5:]), exact_mean(in_time), "x" if held else v,
          to_multiple(text, "0.1"), to_multiple(text, "10"), to_multiple(text, "0.25"), sep=",")
