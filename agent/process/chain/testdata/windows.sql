-- Window functions over input.csv: the last 7 values, and (t-10s, t].
.mode csv
CREATE TABLE input (stamp INTEGER, value REAL);
.import input.csv input
SELECT stamp,
  printf('%.15g', avg(value) OVER n), printf('%.15g', min(value) OVER n), printf('%.15g', max(value) OVER n),
  printf('%.15g', avg(value) OVER t), printf('%.15g', min(value) OVER t), printf('%.15g', max(value) OVER t)
FROM input
WINDOW n AS (ORDER BY stamp ROWS BETWEEN 6 PRECEDING AND CURRENT ROW),
  t AS (ORDER BY stamp RANGE BETWEEN 9999999999 PRECEDING AND CURRENT ROW)
ORDER BY stamp;
