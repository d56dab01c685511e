package pgtest

import (
	"context"
	"encoding/json"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
)

const createTold = `
create table public.told (
  tenant text,
  key text not null,
  body jsonb not null)`

// Tell makes the table public.told, of a host's, in which [Notifier] and [Recorder] write a row for each thing that they
// are told: the tenant, the notification's key or the change's action and target, and all of it as JSON.
func Tell(t TB, db DB) {
	t.Helper()
	Exec(t, db, createTold)
}

// Notifier writes into public.told in the transaction that causes the news, as an outbox does.
func Notifier(tx pgx.Tx) tenon.Notifier { return told{tx} }

// Recorder writes into public.told in the transaction that makes the change, as an audit log does.
func Recorder(tx pgx.Tx) tenon.Recorder { return told{tx} }

type told struct{ tx pgx.Tx }

func (w told) Notify(ctx context.Context, n tenon.Notification) error {
	return w.write(ctx, n.Tenant, n.Key, n)
}

func (w told) RecordChange(ctx context.Context, c tenon.Change) error {
	return w.write(ctx, c.Tenant, c.Action+" "+c.Target, c)
}

const insertTold = `
insert into public.told (tenant, key, body)
values ($1, $2, $3::text::jsonb)`

func (w told) write(ctx context.Context, tenant, key string, what any) error {
	body, err := json.Marshal(what)
	if err != nil {
		return err
	}
	_, err = w.tx.Exec(ctx, insertTold, tenant, key, string(body))
	return err
}
