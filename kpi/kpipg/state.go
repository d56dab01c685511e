package kpipg

import (
	"context"
	"encoding/json"

	"github.com/transbotai/tenon/internal/pgtx"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/kpi"
)

const lockStateSQL = `
select only_row
from tenon.kpi_state
for update`

// loadSQL is one statement, so that definitions and goals are of the same instant.
const loadSQL = `
select defined, name, body
from (
  select true as defined, name, definition as body
  from tenon.kpis
  union all
  select false, kpi, body
  from tenon.kpi_goals
) s
order by defined, name collate "C"`

// Load implements [kpi.Store].
func (s *Store) Load(ctx context.Context) (*kpi.State, error) {
	state, err := load(ctx, s.db)
	return state, translate(err)
}

func load(ctx context.Context, db DB) (*kpi.State, error) {
	rows, err := db.Query(ctx, loadSQL)
	state := &kpi.State{}
	var defined bool
	var name string
	var body []byte
	err = each(rows, err, []any{&defined, &name, &body}, func() error {
		if defined {
			state.KPIs = append(state.KPIs, kpi.KPI{})
			return json.Unmarshal(body, &state.KPIs[len(state.KPIs)-1])
		}
		state.Goals = append(state.Goals, kpi.GoalState{})
		return json.Unmarshal(body, &state.Goals[len(state.Goals)-1])
	})
	return state, err
}

// Change implements [kpi.Store]. The row of tenon.kpi_state is its lock. The host is told before anything is written, so
// that its error leaves nothing behind in a caller's transaction.
func (s *Store) Change(ctx context.Context, edit kpi.Edit) (state *kpi.State, err error) {
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		var locked bool
		if err := tx.QueryRow(ctx, lockStateSQL).Scan(&locked); err != nil {
			return err
		}
		if state, err = load(ctx, tx); err != nil {
			return err
		}
		before := state.Clone()
		effects, err := edit(state)
		if err != nil {
			return pgerr.Hosts(err)
		}
		if err := s.tellHost(ctx, tx, effects); err != nil {
			return pgerr.Hosts(err)
		}
		return store(ctx, tx, before, state)
	})
	if err != nil {
		return nil, err
	}
	return state, nil
}

func (s *Store) tellHost(ctx context.Context, tx pgx.Tx, e kpi.Effects) error {
	return pgtx.Tell(ctx, tx, s.options.Recorder, s.options.Notifier, e.Changes, e.Notifications)
}

const (
	clearKPIsSQL = `
delete from tenon.kpis
where name <> all ($1)`

	putKPISQL = `
insert into tenon.kpis (name, definition, measures)
values ($1, $2::text::jsonb, $3)
on conflict (name) do update
set definition = excluded.definition, measures = excluded.measures
where (kpis.definition, kpis.measures) is distinct from (excluded.definition, excluded.measures)`

	clearGoalsSQL = `
delete from tenon.kpi_goals
where kpi <> all ($1)`

	putGoalSQL = `
insert into tenon.kpi_goals (kpi, body)
values ($1, $2::text::jsonb)
on conflict (kpi) do update
set body = excluded.body
where kpi_goals.body is distinct from excluded.body`
)

// store writes a state in the place of the one before. What did not change is left as it is, also what a newer version
// than this wrote there.
func store(ctx context.Context, tx pgx.Tx, before, state *kpi.State) error {
	b := &pgx.Batch{}
	names, goals := []string{}, []string{}
	was := map[string]string{}
	for _, k := range before.KPIs {
		was[k.Name] = document(k)
	}
	for _, k := range state.KPIs {
		names = append(names, k.Name)
		if document(k) == was[k.Name] {
			continue
		}
		measures := []string{}
		for _, m := range k.Measures() {
			measures = append(measures, m.Key())
		}
		b.Queue(putKPISQL, k.Name, document(k), measures)
	}
	for _, g := range state.Goals {
		goals = append(goals, g.KPI)
		b.Queue(putGoalSQL, g.KPI, document(g))
	}
	b.Queue(clearKPIsSQL, names)
	b.Queue(clearGoalsSQL, goals)
	return tx.SendBatch(ctx, b).Close()
}

func document(v any) string {
	text, _ := json.Marshal(v) // types of package kpi, which are JSON
	return string(text)
}
