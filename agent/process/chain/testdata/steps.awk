# Steps over input.csv, as their definitions read: offset -0.35, scale 0.1,
# calibrate [[10, 9.5], [20, 20.25], [30, 29]], polynomial 1 - 0.5 v + 0.01 v^2,
# Cel to degF, valid [5, 60], rate 1.5, ewma 30s, throttle 10s. "x" = no value.
# Stamps lose nothing: they are below 2^53.
BEGIN { FS = ","; OFS = ","; CONVFMT = OFMT = "%.17g"; px[1] = 10; py[1] = 9.5; px[2] = 20; py[2] = 20.25; px[3] = 30; py[3] = 29 }
function abs(x) { return x < 0 ? -x : x }
function calibrate(v,   k) {
  k = v < px[2] ? 1 : 2
  return py[k] + (py[k+1] - py[k]) / (px[k+1] - px[k]) * (v - px[k])
}
# A value follows another if it changes by no more than 1.5 a second.
function follows(v, t, v0, t0) { return abs(v - v0) <= 1.5 * (t - t0) / 1e9 + 1e-12 }
function rate(v, t,   ok) {
  ok = NR == 1 || t - seen > 10e9 || follows(v, t, good, goodt)
  seen = t
  if (!ok && bad == 3 && follows(v, t, badv, badt)) ok = 1
  if (ok) { good = v; goodt = t; bad = 0; return v }
  bad = (bad > 0 && follows(v, t, badv, badt)) ? (bad < 3 ? bad + 1 : 3) : 1
  badv = v; badt = t
  return "x"
}
function ewma(v, t) {
  if (NR == 1) mean = v
  else { w = exp(-(t - before) / 30e9); mean = w * mean + (1 - w) * v }
  before = t
  return mean
}
# Due each 10 s after the last one was due, or came; a tenth of a second early is no fault.
function throttle(v, t) {
  if (NR > 1 && t < due - 1e8) return "x"
  due = (NR > 1 && t < due ? due : t) + 10e9
  return v
}
{
  v = $2 + 0; t = $1 + 0
  printf "%s,%.17g,%.17g,%.17g,%.17g,%.17g,%s,%s,%.17g,%s\n", $1, v - 0.35, v / 10, calibrate(v), 1 - 0.5 * v + 0.01 * v * v,
    v * 9 / 5 + 32, (v < 5 || v > 60) ? "x" : v, rate(v, t), ewma(v, t), throttle(v, t)
}
