package postgres

import (
	"context"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Querier runs statements: a *pgxpool.Pool, a *pgx.Conn or a transaction.
type Querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// names knows the numbers of devices and channels. What it does not know it
// adds in a statement of its own, before the transaction that needs it: a number
// that it knows is committed.
type names struct {
	mu       sync.RWMutex // guards the maps
	devices  map[string]int32
	channels map[channelKey]int32
}

type channelKey struct {
	device     int32
	name, unit string
}

// maxNames bounds what is remembered; beyond, all is looked up anew.
const maxNames = 1 << 20

func newNames() *names {
	return &names{devices: map[string]int32{}, channels: map[channelKey]int32{}}
}

// forget drops everything: the database may be another one after a restart.
func (n *names) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.devices)
	clear(n.channels)
}

func (n *names) device(name string) (id int32, ok bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	id, ok = n.devices[name]
	return id, ok
}

func (n *names) channel(k channelKey) (id int32, ok bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	id, ok = n.channels[k]
	return id, ok
}

// learnDevices makes sure that devices are known.
func (n *names) learnDevices(ctx context.Context, db Querier, missing []string) error {
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing) // two that add the same do it in the same order
	missing = slices.Compact(missing)
	// A look before the insert: a conflict burns a number.
	const add = `INSERT INTO telhub.device (name)
		SELECT n FROM unnest($1::text[]) n WHERE NOT EXISTS (SELECT FROM telhub.device d WHERE d.name = n) ORDER BY n
		ON CONFLICT DO NOTHING`
	if _, err := db.Exec(ctx, add, missing); err != nil {
		return err
	}
	rows, err := db.Query(ctx, "SELECT id, name FROM telhub.device WHERE name = ANY($1::text[])", missing)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.devices) > maxNames {
		clear(n.devices)
	}
	var id int32
	var name string
	_, err = pgx.ForEachRow(rows, []any{&id, &name}, func() error {
		n.devices[name] = id
		return nil
	})
	return err
}

// learnChannels makes sure that channels are known.
func (n *names) learnChannels(ctx context.Context, db Querier, missing []channelKey) error {
	if len(missing) == 0 {
		return nil
	}
	var devices []int32
	var name, unit []string
	for _, k := range missing {
		devices, name, unit = append(devices, k.device), append(name, k.name), append(unit, k.unit)
	}
	const add = `INSERT INTO telhub.channel (device, name, unit)
		SELECT DISTINCT u.device, u.name, u.unit FROM unnest($1::int[], $2::text[], $3::text[]) u (device, name, unit)
		WHERE NOT EXISTS (SELECT FROM telhub.channel c WHERE (c.device, c.name, c.unit) = (u.device, u.name, u.unit))
		ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING`
	if _, err := db.Exec(ctx, add, devices, name, unit); err != nil {
		return err
	}
	const get = `SELECT c.id, c.device, c.name, c.unit FROM telhub.channel c
		JOIN unnest($1::int[], $2::text[], $3::text[]) u (device, name, unit) ON (c.device, c.name, c.unit) = (u.device, u.name, u.unit)`
	rows, err := db.Query(ctx, get, devices, name, unit)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.channels) > maxNames {
		clear(n.channels)
	}
	var id int32
	var k channelKey
	_, err = pgx.ForEachRow(rows, []any{&id, &k.device, &k.name, &k.unit}, func() error {
		n.channels[k] = id
		return nil
	})
	return err
}
