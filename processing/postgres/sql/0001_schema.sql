-- What telhub's streams hold. Lanes: 0 alarm, 1 live, 2 backfill. Qualities of
-- dates: 0 unset, 1 holdover, 2 ntp, 3 gnss, 4 estimated (docs/telemetry_sink.md).

CREATE TABLE telhub.device (
	id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	name text NOT NULL UNIQUE
);

CREATE TABLE telhub.channel (
	id     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	device integer NOT NULL REFERENCES telhub.device,
	name   text NOT NULL, -- "<sensor>/<output>"
	unit   text NOT NULL, -- SenML; a channel whose unit changes is another one
	UNIQUE (device, name, unit)
);

-- Wide columns first: no padding. No foreign keys: each would be looked up
-- for each row.
CREATE TABLE telhub.sample (
	time    timestamptz NOT NULL,
	value   double precision NOT NULL,
	epoch   bigint NOT NULL,
	seq     bigint NOT NULL,
	channel integer NOT NULL,
	idx     integer NOT NULL, -- of the correlation ID
	lane    smallint NOT NULL,
	quality smallint NOT NULL
) PARTITION BY RANGE (time);
CREATE INDEX sample_channel_time ON telhub.sample (channel, time);
CREATE INDEX sample_time ON telhub.sample USING brin (time) WITH (pages_per_range = 32);

-- Takes what lies outside the partitions: dates of clocks that are far off.
CREATE TABLE telhub.sample_default PARTITION OF telhub.sample DEFAULT;

CREATE TABLE telhub.partition (
	lo   timestamptz PRIMARY KEY,
	hi   timestamptz NOT NULL,
	name text NOT NULL UNIQUE,
	CHECK (lo < hi)
);

CREATE TABLE telhub.event (
	time    timestamptz NOT NULL,
	epoch   bigint NOT NULL,
	seq     bigint NOT NULL,
	device  integer NOT NULL,
	idx     integer NOT NULL,
	lane    smallint NOT NULL,
	quality smallint NOT NULL,
	kind    smallint NOT NULL, -- 1 status, 2 alarm
	name    text NOT NULL,     -- "<sensor>/<output>"
	word    text NOT NULL
);
CREATE INDEX event_device_time ON telhub.event (device, time);
CREATE INDEX event_time ON telhub.event USING brin (time);

-- Samples and events without a date, until their boot has one.
CREATE TABLE telhub.undated (
	boot_ms bigint NOT NULL, -- since the boot
	epoch   bigint NOT NULL,
	seq     bigint NOT NULL,
	boot    uuid NOT NULL,
	value   double precision,
	device  integer NOT NULL,
	channel integer, -- of a value
	idx     integer NOT NULL,
	lane    smallint NOT NULL,
	kind    smallint NOT NULL, -- 0 value, 1 status, 2 alarm
	name    text,              -- of an event
	word    text,
	after   timestamptz, -- bounds of the true time, where the agent knew them
	before  timestamptz
);
CREATE INDEX undated_boot ON telhub.undated (device, boot);

-- What is known of the date of a boot, lane by lane.
CREATE TABLE telhub.boot (
	device       integer NOT NULL,
	boot         uuid NOT NULL,
	lane         smallint NOT NULL,
	last_undated bigint,      -- last stamp without date, ms since the boot
	first_dated  bigint,      -- first stamp with one, Unix ms
	offset_ms    bigint,      -- decided: Unix ms = ms since the boot + offset_ms
	changed      timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (device, boot, lane)
) WITH (fillfactor = 70);
CREATE INDEX boot_waiting ON telhub.boot (changed) WHERE offset_ms IS NULL AND last_undated IS NOT NULL;

CREATE TABLE telhub.gap (
	device   integer NOT NULL,
	lane     smallint NOT NULL,
	epoch    bigint NOT NULL,
	seq      bigint NOT NULL,
	quality  smallint NOT NULL,
	boot     uuid NOT NULL,
	cause    text NOT NULL,
	samples  bigint,      -- NULL: nobody knows
	t0       timestamptz, -- NULL: not known, or not dated
	t1       timestamptz,
	boot_t0  bigint,      -- of a record without date, ms since the boot
	boot_t1  bigint,
	channels text[],
	PRIMARY KEY (device, lane, epoch, seq)
);

-- Identities of frames that are stored, per purpose: a set, kept as ranges. In
-- order it is one range, whose end is the watermark.
CREATE TABLE telhub.ledger (
	purpose text NOT NULL,
	device  integer NOT NULL,
	lane    smallint NOT NULL,
	epoch   bigint NOT NULL,
	seen    int8multirange NOT NULL DEFAULT '{}',
	frames  bigint NOT NULL DEFAULT 0, -- without gap records
	samples bigint NOT NULL DEFAULT 0, -- rows: values and events
	gaps    bigint NOT NULL DEFAULT 0, -- gap records
	lost    bigint NOT NULL DEFAULT 0, -- samples that they declare
	unknown bigint NOT NULL DEFAULT 0, -- records that tell no number
	changed timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (purpose, device, lane, epoch)
) WITH (fillfactor = 50);

-- Alarms on their way into the task queue.
CREATE TABLE telhub.outbox (
	id          text PRIMARY KEY, -- the task's
	correlation text NOT NULL,
	payload     jsonb NOT NULL,
	created     timestamptz NOT NULL DEFAULT now(),
	due         timestamptz NOT NULL DEFAULT now(),
	sent        timestamptz,
	attempts    integer NOT NULL DEFAULT 0,
	error       text
);
CREATE INDEX outbox_due ON telhub.outbox (due) WHERE sent IS NULL;
CREATE INDEX outbox_sent ON telhub.outbox (sent) WHERE sent IS NOT NULL;

-- Tasks whose effect is here.
CREATE TABLE telhub.done (
	id text PRIMARY KEY,
	at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX done_at ON telhub.done USING brin (at);

CREATE VIEW telhub.samples AS
SELECT d.name AS device, c.name AS channel, c.unit, s.time, s.value,
	(ARRAY['unset','holdover','ntp','gnss','estimated'])[s.quality + 1] AS quality,
	d.name || '/' || (ARRAY['alarm','live','backfill'])[s.lane + 1] || '/' || s.epoch || '/' || s.seq || '#' || s.idx AS correlation
FROM telhub.sample s JOIN telhub.channel c ON c.id = s.channel JOIN telhub.device d ON d.id = c.device;

CREATE VIEW telhub.events AS
SELECT d.name AS device, e.name AS channel, (ARRAY['status','alarm'])[e.kind] AS kind, e.word, e.time,
	(ARRAY['unset','holdover','ntp','gnss','estimated'])[e.quality + 1] AS quality,
	d.name || '/' || (ARRAY['alarm','live','backfill'])[e.lane + 1] || '/' || e.epoch || '/' || e.seq || '#' || e.idx AS correlation
FROM telhub.event e JOIN telhub.device d ON d.id = e.device;
