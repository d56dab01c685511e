package slopg

import (
	"context"
	"encoding/json"
	"reflect"
	"time"

	"github.com/transbotai/tenon/internal/pgtx"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/slo"
)

const loadSQL = `
select s.frozen,
  s.evaluated_at,
  (select coalesce(jsonb_agg(t.definition), '[]') from tenon.slo_targets t),
  (select coalesce(jsonb_agg(x.body), '[]') from tenon.slo_exclusions x),
  (select coalesce(jsonb_agg(e.body), '[]') from tenon.slo_episodes e where e.resolved_at is null),
  (select coalesce(jsonb_agg(o.body), '[]') from tenon.slo_overrides o where o.ended_at is null)
from tenon.slo_state s`

// lockSQL is a statement of its own: what follows it sees what was committed while it waited.
const lockSQL = `
select
from tenon.slo_state
for no key update`

// Load implements [slo.Store].
func (s *Store) Load(ctx context.Context) (*slo.State, error) {
	state, err := load(ctx, s.db)
	return state, translate(err)
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func load(ctx context.Context, db querier) (*slo.State, error) {
	state := &slo.State{}
	var evaluated *time.Time
	err := db.QueryRow(ctx, loadSQL).Scan(
		document{&state.Freeze}, &evaluated, document{&state.Objectives}, document{&state.Exclusions},
		document{&state.Episodes}, document{&state.Overrides})
	if err != nil {
		return nil, err
	}
	if evaluated != nil {
		state.Evaluated = tenon.Instant(*evaluated)
	}
	state.Tidy()
	return state, nil
}

// document scans JSON into a value.
type document struct{ to any }

// Scan implements sql.Scanner.
func (d document) Scan(src any) error {
	switch v := src.(type) {
	case []byte:
		return json.Unmarshal(v, d.to)
	case string:
		return json.Unmarshal([]byte(v), d.to)
	}
	return nil
}

// asJSON writes a value as text, which every mode of execution of pgx can send. Our own types always marshal.
func asJSON(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// Change implements [slo.Store].
func (s *Store) Change(ctx context.Context, edit slo.Edit) (state *slo.State, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lockSQL); err != nil {
			return err
		}
		before, err := load(ctx, tx)
		if err != nil {
			return err
		}
		state = before.Clone()
		effects, err := edit(state)
		if err != nil {
			return pgerr.Hosts(err)
		}
		if err := s.tell(ctx, tx, effects); err != nil {
			return pgerr.Hosts(err)
		}
		err = write(ctx, tx, before, state)
		state.Tidy()
		return err
	})
	if err != nil {
		return nil, err
	}
	return state, nil
}

// tell comes before anything is written, so that an error of the host's leaves a caller's transaction as it was.
func (s *Store) tell(ctx context.Context, tx pgx.Tx, e slo.Effects) error {
	return pgtx.Tell(ctx, tx, s.options.Recorder, s.options.Notifier, e.Changes, e.Notifications)
}

const writeStateSQL = `
update tenon.slo_state
set frozen = $1,
  evaluated_at = $2`

// write stores what differs.
func write(ctx context.Context, tx pgx.Tx, before, after *slo.State) error {
	if !reflect.DeepEqual(before.Freeze, after.Freeze) || !before.Evaluated.Equal(after.Evaluated) {
		if _, err := tx.Exec(ctx, writeStateSQL, asJSON(after.Freeze), null(after.Evaluated)); err != nil {
			return err
		}
	}
	for _, one := range []func(context.Context, pgx.Tx, *slo.State, *slo.State) error{
		writeObjectives, writeExclusions, writeEpisodes, writeOverrides,
	} {
		if err := one(ctx, tx, before, after); err != nil {
			return err
		}
	}
	return nil
}

// differences calls put for what is new or changed, and gone for what is no longer there.
func differences[K comparable, V any](before, after []V, key func(V) K, put, gone func(V) error) error {
	old := make(map[K]V, len(before))
	for _, v := range before {
		old[key(v)] = v
	}
	for _, v := range after {
		was, ok := old[key(v)]
		delete(old, key(v))
		if ok && reflect.DeepEqual(was, v) {
			continue
		}
		if err := put(v); err != nil {
			return err
		}
	}
	for _, v := range before { // in their order, not the map's
		if _, left := old[key(v)]; left {
			if err := gone(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// null returns t for a column that is null when there is none.
func null(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
