package isolation

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// mutate tries each table with made-up rows, then breaks its policies and sees whether a probe notices. The owner's
// transaction acts as the application's role, since another connection would not see what is broken.
func (r *run) mutate(ctx context.Context) error {
	if r.options.LockTimeout < 0 {
		return nil
	}
	for i := range r.schema.tables {
		t := &r.schema.tables[i]
		if t.Kind == "f" || !t.Select && !t.Insert && !t.Update && !t.Delete {
			continue
		}
		err := rolledBack(ctx, r.owner, func(tx pgx.Tx) error {
			s := &stage{run: r, tx: tx, table: t}
			if err := s.set(ctx); err != nil {
				return err
			}
			return s.play(ctx)
		})
		if !isServers(err) && err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil {
			r.notTried(Mutation, t.Name, "policies could not be broken on purpose", err)
		}
	}
	return nil
}

// isServers says whether the server refused a statement, rather than went away.
func isServers(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg)
}

// play tries the table as it is, then broken in each way.
func (s *stage) play(ctx context.Context) error {
	for _, a := range s.attacks() {
		rows, err := s.try(ctx, a)
		if err != nil {
			return fmt.Errorf("%s: %w", a.what, err)
		}
		s.run.report(s.table.Name, a, rows)
	}
	if !s.table.Enabled {
		return nil // nothing to break
	}
	for _, a := range s.own() {
		rows, err := s.try(ctx, a)
		if err != nil {
			return fmt.Errorf("%s: %w", a.what, err)
		}
		if rows == 0 && s.run.covered(s.table, a.command) {
			s.run.add(Finding{
				Part: Probe, Kind: Blind, Object: s.table.Name, Command: a.command.String(),
				Detail: "the role cannot " + a.what + ", so that a refusal proves nothing", Remedy: "name the tenant as Options.Setting says, or mend the policy",
			})
		}
	}
	return s.mutants(ctx)
}

// mutant is a way to break a table's policies.
type mutant struct {
	object     string
	what       string
	statements []string
	notices    func(attack) bool // the attacks of which one at least must succeed then
}

func (s *stage) mutants(ctx context.Context) error {
	t := s.table
	list := []mutant{{
		object: t.Name, what: "row level security off",
		statements: []string{"alter table " + t.Name + " disable row level security"},
		notices:    func(attack) bool { return true },
	}}
	for i := range s.run.schema.policies[t.OID] {
		list = append(list, s.run.mutantsOf(t, &s.run.schema.policies[t.OID][i])...)
	}
	for _, m := range list {
		if err := s.runMutant(ctx, m); err != nil {
			return fmt.Errorf("%s, %s: %w", m.object, m.what, err)
		}
	}
	return nil
}

// mutantsOf breaks what a policy says of rows that are there, and of rows that are written. What another kind of policy
// would cover for is opened with it: every row must pass one permissive and all restrictive ones.
func (r *run) mutantsOf(t *table, p *policy) []mutant {
	object := t.Name + " policy " + p.Name
	var others []string
	for _, q := range r.schema.policies[t.OID] {
		if q.Permissive != p.Permissive {
			others = append(others, alter(t, &q, "true", "true"))
		}
	}
	var list []mutant
	if p.filters() && p.Using != nil && !isOpen(p.Using) {
		check := p.Check
		if check == nil {
			check = p.Using
		}
		list = append(list, mutant{
			object: object, what: "using (true)", statements: append(slices.Clone(others), alter(t, p, "true", *check)),
			notices: func(a attack) bool { return p.covers(a.command) && !a.writes },
		})
	}
	if p.checks() && !isOpen(p.Check) && (p.Check != nil || p.Using != nil) {
		list = append(list, mutant{
			object: object, what: "with check (true)", statements: append(slices.Clone(others), alter(t, p, "", "true")),
			notices: func(a attack) bool { return p.covers(a.command) && a.writes },
		})
	}
	return list
}

// alter returns a statement that gives a policy other expressions; an empty one stays.
func alter(t *table, p *policy, using, check string) string {
	sql := fmt.Sprintf("alter policy %s on %s", p.Name, t.Name)
	if p.filters() && using != "" {
		sql += " using (" + using + ")"
	}
	if p.checks() && check != "" {
		sql += " with check (" + check + ")"
	}
	return sql
}

// runMutant breaks, tries, and takes it back. One that no attack of the role's could use is left out.
func (s *stage) runMutant(ctx context.Context, m mutant) error {
	attacks := slices.DeleteFunc(s.attacks(), func(a attack) bool { return !m.notices(a) })
	if len(attacks) == 0 {
		return nil
	}
	s.run.result.Mutations++
	return rolledBack(ctx, s.tx, func(tx pgx.Tx) error {
		broken := &stage{run: s.run, tx: tx, table: s.table, mine: s.mine, theirs: s.theirs}
		if err := broken.exec(ctx, m.statements...); err != nil {
			return err
		}
		for _, a := range attacks {
			rows, err := broken.try(ctx, a)
			if err != nil || rows > 0 {
				return err
			}
		}
		s.run.add(Finding{
			Part: Mutation, Kind: MutantLives, Object: m.object,
			Detail: "no probe noticed it broken: " + m.what, Remedy: "find out what else holds the line; until then nothing is proven here",
		})
		return nil
	})
}
