-- Runs once, when the data directory is empty: a role that owns its database
-- and nothing else. ttp makes its tables itself, and brings them up to date.
\set password `cat /run/secrets/postgres_ttp`
CREATE ROLE ttp LOGIN PASSWORD :'password';
CREATE DATABASE telemetry OWNER ttp;
REVOKE ALL ON DATABASE telemetry FROM PUBLIC;
