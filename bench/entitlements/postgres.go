package entitlements

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/bench/lab"
	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/entitlements/entitlementspg"
	"github.com/transbotai/tenon/migrations"
)

// connections is the size of tenon's pool. Group commit uses four of them by default; pgbench has 64.
const connections = 16

// database is a world in Postgres, whose counters are kept aside so that every round starts from the same.
type database struct {
	*world
	url  string
	pool *pgxpool.Pool
}

// patient waits for a store as long as a machine that is busy may need.
var patient = &entitlements.Options{Timeout: time.Minute}

// newDatabase makes a world in a new database and lets every tenant use every feature once, so that the counters are
// there.
func newDatabase(ctx context.Context, l *lab.Lab, name string, tenants, features int) (*database, error) {
	l.Say("entitlements: making %d tenants for %s", tenants, name)
	url, err := l.Postgres(ctx, name, migrations.Entitlements)
	if err != nil {
		return nil, err
	}
	db := &database{url: url}
	if db.pool, err = openPool(ctx, url); err != nil {
		return nil, err
	}
	if db.world, err = newWorld(ctx, entitlements.NewGate(entitlementspg.New(db.pool, nil), patient), tenants, features); err == nil {
		err = db.warm(ctx)
	}
	if err != nil {
		db.pool.Close()
		return nil, err
	}
	return db, nil
}

func openPool(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns, config.MinConns = connections, connections
	return pgxpool.NewWithConfig(ctx, config)
}

const keepSQL = `
create schema bench;
create table bench.counters as table tenon.usage_counters;
alter table bench.counters add primary key (tenant_id, feature_key)`

func (db *database) warm(ctx context.Context) error {
	err := db.each(func(tenant string) error {
		uses := make([]entitlements.Use, len(db.features))
		for i, feature := range db.features {
			uses[i] = entitlements.Use{Tenant: tenant, Feature: feature, Quantity: 1}
		}
		return db.gate.Record(ctx, uses...)
	})
	if err != nil {
		return err
	}
	// A gated use seals the counter that a recorded one has made.
	err = db.each(func(tenant string) error {
		d, err := db.gate.Consume(ctx, entitlements.Use{Tenant: tenant, Feature: db.features[0], Quantity: 1})
		if err == nil && !d.Allowed {
			err = fmt.Errorf("%s may not begin: %s", tenant, d.Reason)
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = db.pool.Exec(ctx, keepSQL)
	return err
}

// The checkpoint keeps the next from falling into the measurement.
var resetSQL = []string{
	`truncate tenon.usage_keys, tenon.usage_events, tenon.usage_counters`,
	`insert into tenon.usage_counters table bench.counters`,
	`vacuum (analyze) tenon.usage_counters`,
	`checkpoint`,
}

// reset brings the tables to what they were, without an event or a key.
func (db *database) reset(ctx context.Context) error {
	for _, sql := range resetSQL {
		if _, err := db.pool.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

const wrongSQL = `
select count(*)
from tenon.usage_counters c
join bench.counters b using (tenant_id, feature_key)
left join (
  select tenant_id, feature_key, sum(qty) as used from tenon.usage_events group by 1, 2
) e using (tenant_id, feature_key)
where c.used - b.used <> coalesce(e.used, 0) or c.held <> b.held`

const unpairedSQL = `
select count(*)
from tenon.usage_keys k
full join tenon.usage_events e using (tenant_id, id)
where k.key is null or e.qty is null`

const totalSQL = `
select count(*) from tenon.usage_events`

// verify says whether every counter equals the sum of its events, each event has its key, and there are as many as
// were accepted.
func (db *database) verify(ctx context.Context, accepted int) error {
	var wrong, unpaired, total int
	for sql, to := range map[string]*int{wrongSQL: &wrong, unpairedSQL: &unpaired, totalSQL: &total} {
		if err := db.pool.QueryRow(ctx, sql).Scan(to); err != nil {
			return err
		}
	}
	if wrong != 0 || unpaired != 0 || total != accepted {
		return fmt.Errorf("%d counters are wrong, %d keys or events alone, %d events of %d accepted", wrong, unpaired, total, accepted)
	}
	return nil
}

// periodStart returns the one period that all counters are of.
func (db *database) periodStart(ctx context.Context) (start time.Time, err error) {
	rows, err := db.pool.Query(ctx, "select distinct period_start from bench.counters")
	if err != nil {
		return start, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[time.Time])
}
