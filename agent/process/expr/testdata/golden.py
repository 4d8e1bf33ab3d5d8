#!/usr/bin/env python3
"""Writes golden.tsv: random expressions, values of a, b, c, d, and results.

Python's own parser decides what an expression means (its precedences are those
of usual maths: -2**2 is -4, powers go from the right, "not" binds more loosely
than comparisons); a walk over its tree computes it in IEEE 754 doubles.

Lines of kind "exact" hold only operations that IEEE 754 rounds correctly and
have to agree to the last bit; those of kind "near" hold powers and elementary
functions too, and agree to 1e-9. Of these only well-conditioned ones are kept:
the result in doubles has to agree with mpmath's in 60 digits.

Usage: python3 golden.py > golden.tsv    (needs mpmath)
"""
import ast
import math
import random

import mpmath

mpmath.mp.dps = 60
R = random.Random(20240501)
NAMES = "abcd"


class Gen:
    """Random text, one method per precedence; brackets where chance wants them."""

    def __init__(self, near):
        self.near, self.room = near, R.randint(2, 14)

    def joined(self, sub, ops, p):
        s = sub()
        while R.random() < p and self.room > 0:
            self.room -= 1
            s += R.choice(["", " "]).join(["", R.choice(ops), ""]) + sub()
        return s

    def any(self):
        if self.near or R.random() < 0.6:
            return self.sum()
        return self.joined(lambda: self.joined(self.inverse, [" and "], 0.3), [" or "], 0.3)

    def inverse(self):
        return "not " + self.inverse() if R.random() < 0.15 else self.compare()

    def compare(self):
        if R.random() < 0.6:
            return self.sum() + R.choice(["<", "<=", ">", ">=", "==", "!="]) + self.sum()
        return self.sum()

    def sum(self):
        return self.joined(self.product, ["+", "-"], 0.45)

    def product(self):
        return self.joined(self.unary, ["*", "/"], 0.45)

    def unary(self):
        if R.random() < 0.2:
            return "-" + self.unary()
        s = self.primary()
        if self.near and R.random() < 0.3:
            s += "^" + R.choice(["2", "3", "0.5", "-1", "-2", "2^2", "-b", "c", "1^3"])
        return s

    def primary(self):
        self.room -= 1
        x = R.random()
        if self.room <= 0 or x < 0.35:
            return R.choice(NAMES)
        if x < 0.6:
            return R.choice(["0", "1", "2", "3.5", "0.1", "1e3", "2.5e-2", ".25", "7", "12E1"])
        if x < 0.78:
            return "(" + self.any() + ")"
        return self.call()

    def call(self):
        one, two = ["abs", "floor", "ceil", "sqrt"], ["min", "max"]
        if self.near:
            one, two = ["abs", "sqrt", "exp", "ln", "log10", "sin", "cos", "tan"], ["pow", "atan2", "hypot", "min"]
        f = R.choice(one + two + ["clamp", "iff", "max3"])
        if f in one:
            return f"{f}({self.any()})"
        if f in two:
            return f"{f}({self.any()},{self.any()})"
        if f == "max3":
            return f"max({self.any()}, {self.any()}, {self.any()})"
        return f"{f}({self.any()}, {self.any()}, {self.any()})"


NAN = math.nan


def pure(v):
    return v != v


def div(a, b):
    if b == 0:
        if a == 0 or pure(a):
            return NAN
        return math.copysign(math.inf, a) * math.copysign(1, b)
    return a / b


def power(a, b):
    if pure(a) or pure(b):
        return NAN
    try:
        return math.pow(a, b)
    except OverflowError:
        return math.inf
    except ValueError:  # a root of a negative number, or a power of 0
        return math.inf if a == 0 else NAN


def guard(f):
    def g(*args):
        if any(pure(x) for x in args):
            return NAN
        try:
            return f(*args)
        except OverflowError:
            return math.inf
        except ValueError:
            return NAN

    return g


def whole(f):
    return lambda x: x if pure(x) or math.isinf(x) else float(f(x))


def clamp(x, lo, hi):
    if pure(x) or not lo <= hi:
        return NAN
    return lo if x < lo else hi if x > hi else x


FUNCS = {
    "abs": abs, "floor": whole(math.floor), "ceil": whole(math.ceil), "sqrt": guard(math.sqrt),
    "exp": guard(math.exp), "ln": guard(math.log), "log10": guard(math.log10), "sin": guard(math.sin),
    "cos": guard(math.cos), "tan": guard(math.tan), "atan2": guard(math.atan2), "hypot": guard(math.hypot), "pow": power,
    "min": guard(min), "max": guard(max), "clamp": clamp,
    "iff": lambda q, a, b: NAN if pure(q) else a if q != 0 else b,
}


def logic(t, *args):
    return NAN if any(pure(x) for x in args) else 1.0 if t else 0.0


def walk(n, env):
    if isinstance(n, ast.Constant):
        return float(n.value)
    if isinstance(n, ast.Name):
        return env[n.id]
    if isinstance(n, ast.UnaryOp):
        v = walk(n.operand, env)
        return -v if isinstance(n.op, ast.USub) else logic(v == 0, v)
    if isinstance(n, ast.BoolOp):
        args = [walk(v, env) for v in n.values]
        return logic((all if isinstance(n.op, ast.And) else any)(x != 0 for x in args), *args)
    if isinstance(n, ast.Compare):
        assert len(n.ops) == 1
        a, b = walk(n.left, env), walk(n.comparators[0], env)
        t = {ast.Lt: a < b, ast.LtE: a <= b, ast.Gt: a > b, ast.GtE: a >= b, ast.Eq: a == b, ast.NotEq: a != b}
        return logic(t[type(n.ops[0])], a, b)
    if isinstance(n, ast.Call):
        return FUNCS[n.func.id](*[walk(a, env) for a in n.args])
    a, b = walk(n.left, env), walk(n.right, env)
    if isinstance(n.op, ast.Pow):
        return power(a, b)
    if isinstance(n.op, ast.Div):
        return div(a, b)
    return {ast.Add: a + b, ast.Sub: a - b, ast.Mult: a * b}[type(n.op)]


def precise(n, env):
    """The same in 60 digits; raises where doubles give no number."""
    m = mpmath
    if isinstance(n, ast.Constant):
        return m.mpf(float(n.value))
    if isinstance(n, ast.Name):
        return m.mpf(env[n.id])
    if isinstance(n, ast.UnaryOp):
        return -precise(n.operand, env)
    if isinstance(n, ast.Call):
        a = [precise(x, env) for x in n.args]
        return {
            "abs": abs, "sqrt": m.sqrt, "exp": m.exp, "ln": m.log, "log10": m.log10, "sin": m.sin, "cos": m.cos, "tan": m.tan,
            "atan2": m.atan2, "hypot": m.hypot, "pow": m.power, "min": min, "max": max, "clamp": clamp,
            "iff": lambda q, x, y: x if q != 0 else y,
        }[n.func.id](*a)
    a, b = precise(n.left, env), precise(n.right, env)
    if isinstance(n.op, ast.Pow):
        return m.power(a, b)
    return {ast.Add: lambda: a + b, ast.Sub: lambda: a - b, ast.Mult: lambda: a * b, ast.Div: lambda: a / b}[type(n.op)]()


def values():
    pick = lambda: R.choice([R.uniform(-10, 10), float(R.randint(-3, 3)), R.uniform(-1, 1) * 10 ** R.randint(-6, 6)])
    return {k: pick() for k in NAMES}


def conditioned(tree, env, got):
    try:
        want = precise(tree, env)
        return want == 0 == got or abs(mpmath.mpf(got) - want) <= abs(want) * mpmath.mpf("1e-12")
    except Exception:
        return False


def main():
    print("# written by golden.py; kind, expression, a, b, c, d, result")
    count = {"exact": 0, "near": 0}
    while min(count.values()) < 1000:
        kind = min(count, key=count.get)
        text = Gen(kind == "near").any()
        if len(text) < 6:
            continue
        tree, env = ast.parse(text.replace("^", "**"), mode="eval").body, values()
        got = walk(tree, env)
        ok = math.isfinite(got)
        if kind == "near" and (not ok or abs(got) < 1e-290 or not conditioned(tree, env, got)):
            continue
        if not ok and R.random() < 0.7:
            continue
        count[kind] += 1
        print(kind, text.replace("iff(", "if("), *[repr(env[k]) for k in NAMES], repr(got + 0.0) if ok else "none", sep="\t")


main()
