-- Computes the expected results of windows of 10 s from windows.csv, in two
-- passes and without anything of ours:
--   sqlite3 < windows.sql > windows-want.csv
.mode csv
.import windows.csv s
create table v as
  select cast(ns as integer) as ns, cast(value as real) as x, (cast(ns as integer) / 10000000000 + 1) * 10 as ending from s;
create table m as select ending, avg(x) as mean, count(*) as n from v group by ending;
select v.ending, m.n, printf('%.17g', m.mean), printf('%.17g', min(v.x)), printf('%.17g', max(v.x)),
       printf('%.17g', (select l.x from v as l where l.ending = v.ending order by l.ns desc limit 1)),
       case when m.n > 1 then printf('%.17g', sqrt(sum((v.x - m.mean) * (v.x - m.mean)) / (m.n - 1))) else '' end
  from v join m on m.ending = v.ending group by v.ending order by v.ending;
