package notifypg

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/migrations"
	"github.com/transbotai/tenon/notify"
)

// DB is what the store needs of pgx. A *pgxpool.Pool, a *pgx.Conn and a pgx.Tx are one; so may a host's wrapper be.
type DB interface {
	Begin(ctx context.Context) (pgx.Tx, error)
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// Options of a [Store]. The zero value of each field has the documented meaning.
type Options struct {
	// Routing says where [Store.Notify] sends notifications; the zero Routing sends each to the destination "default".
	Routing notify.Routing
}

// Store keeps an outbox in Postgres.
type Store struct {
	db      DB
	options Options
}

var (
	_ notify.Store    = (*Store)(nil)
	_ notify.Reviewer = (*Store)(nil)
	_ tenon.Clock     = (*Store)(nil)
	_ tenon.Starter   = (*Store)(nil)
	_ tenon.Exporter  = (*Store)(nil)
	_ tenon.Eraser    = (*Store)(nil)

	_ tenon.BatchNotifier = (*Store)(nil)
)

// New returns a store on db. On a pgx.Tx, what is written is there when the caller commits. New does no I/O and starts
// nothing.
func New(db DB, opts *Options) *Store {
	s := &Store{db: db}
	if opts != nil {
		s.options = *opts
	}
	return s
}

// Notify writes n for the destinations of Options.Routing, in db's transaction. A notification whose tenant and key are
// written already is left out. A zero At is now. Input that cannot be right is a [tenon.FieldError], and nothing is
// written.
func (s *Store) Notify(ctx context.Context, n tenon.Notification) error {
	return s.NotifyBatch(ctx, []tenon.Notification{n})
}

// NotifyBatch writes several notifications as [Store.Notify] does, in one statement: all or, with an error, none.
func (s *Store) NotifyBatch(ctx context.Context, ns []tenon.Notification) error {
	entries, err := s.options.Routing.All(ns, time.Now())
	if err != nil {
		return err
	}
	return s.Add(ctx, entries)
}

// The order of the rows is that of seq, since a sort feeds the insert.
const addSQL = `
insert into tenon.notifications (tenant_id, id, destination, group_key, key, kind, severity, title, body,
  occurred_at, data, pending_since)
select u.tenant_id, u.id::uuid, u.destination, u.group_key, u.key, u.kind, u.severity, u.title, u.body,
  u.occurred_at, u.data::jsonb, u.pending_since
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
  $10::timestamptz[], $11::text[], $12::timestamptz[]) with ordinality as u(tenant_id, id, destination, group_key, key,
  kind, severity, title, body, occurred_at, data, pending_since, position)
order by u.position
on conflict (tenant_id, destination, key) do nothing`

// Add implements [notify.Store].
func (s *Store) Add(ctx context.Context, entries []notify.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	var tenants, ids, destinations, groups, keys, kinds, severities, titles, bodies, datas []string
	var occurred, since []time.Time
	for _, e := range entries {
		n := e.Notification
		data, err := json.Marshal(n.Data)
		if err != nil {
			return err
		}
		tenants, ids, destinations = append(tenants, n.Tenant), append(ids, e.ID), append(destinations, e.Destination)
		groups, keys, kinds = append(groups, e.Group), append(keys, n.Key), append(kinds, n.Kind)
		severities, titles, bodies = append(severities, string(n.Severity)), append(titles, n.Title), append(bodies, n.Text)
		occurred, datas, since = append(occurred, n.At), append(datas, string(data)), append(since, e.Since)
	}
	_, err := s.db.Exec(ctx, addSQL,
		tenants, ids, destinations, groups, keys, kinds, severities, titles, bodies, occurred, datas, since)
	return translate(err)
}

const clockSQL = `
select clock_timestamp()`

// Clock implements [tenon.Clock]: the database's time.
func (s *Store) Clock(ctx context.Context) (t time.Time, err error) {
	err = s.db.QueryRow(ctx, clockSQL).Scan(&t)
	return t, translate(err)
}

// Start implements [tenon.Starter]: row level security must not hide tenants.
func (s *Store) Start(ctx context.Context) error {
	return translate(migrations.CheckNotFiltered(ctx, s.db))
}

// columns are those of an entry, in the order in which scanEntry reads them.
const columns = `n.id::text, n.destination, n.group_key, n.key, n.kind, n.tenant_id, n.severity, n.title, n.body,
  n.occurred_at, n.data, n.pending_since, n.state, n.attempts, n.last_error, n.settled_at`

func scanEntry(row pgx.CollectableRow) (notify.Entry, error) {
	var e notify.Entry
	var data []byte
	var settled *time.Time
	n := &e.Notification
	err := row.Scan(&e.ID, &e.Destination, &e.Group, &n.Key, &n.Kind, &n.Tenant, &n.Severity, &n.Title, &n.Text,
		&n.At, &data, &e.Since, &e.State, &e.Attempts, &e.LastError, &settled)
	if err != nil {
		return e, err
	}
	if e.State != notify.Delivered && e.State != notify.Dead {
		e.State = notify.Pending // new or queued
	}
	n.At, e.Since = tenon.Instant(n.At), tenon.Instant(e.Since)
	if settled != nil {
		e.SettledAt = tenon.Instant(*settled)
	}
	return e, json.Unmarshal(data, &n.Data)
}
