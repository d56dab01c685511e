// Package agree compares what companies were told with what the platform's database says, company by company.
package agree

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/transbotai/tenon/examples/load/internal/traffic"
)

// Line is one comparison over all companies.
type Line struct {
	What        string
	Least, Most int64 // that follow from the answers; they differ only where there were none
	Found       int64
	Faults      []string // companies that disagree
}

// OK says whether everything agrees.
func (l Line) OK() bool { return len(l.Faults) == 0 }

// String shows the comparison.
func (l Line) String() string {
	told := fmt.Sprint(l.Least)
	if l.Most != l.Least {
		told = fmt.Sprintf("%d to %d", l.Least, l.Most)
	}
	if l.OK() {
		return fmt.Sprintf("  %-52s %10d = %s", l.What, l.Found, told)
	}
	return fmt.Sprintf("! %-52s %10d ≠ %s: %s", l.What, l.Found, told, strings.Join(l.Faults[:min(len(l.Faults), 3)], "; "))
}

// Loss is a time in which an instance did not do all that it should: it was killed before it may have written down what
// it answered, since requests are logged many at a time, or its rate limit was open. What it promised is not lost.
type Loss struct {
	House int
	traffic.Gap
}

// Book is what there is to compare.
type Book struct {
	Pool    *pgxpool.Pool // of a role that sees every company
	Tenants []*traffic.Tenant
	Began   time.Time
	Losses  []Loss // none, when nobody was killed

	Shared    bool        // instances share the counts of rate limits by a Redis
	Away      []Loss      // when an instance let everything through, since it could not reach that
	Forgotten []time.Time // when that forgot everything
}

// checks are all comparisons, in the order in which they are shown.
var checks = []func(*Book, context.Context) ([]Line, error){
	(*Book).contradictions, (*Book).quotes, (*Book).counters, (*Book).limits, (*Book).events, (*Book).records,
	(*Book).requests, (*Book).objectives, (*Book).tickets, (*Book).outbox, (*Book).rate,
}

// Compare makes all comparisons.
func (b *Book) Compare(ctx context.Context) ([]Line, error) {
	var all []Line
	for _, check := range checks {
		lines, err := check(b, ctx)
		if err != nil {
			return all, err
		}
		all = append(all, lines...)
	}
	return all, nil
}

// again is how long Await waits before it compares anew.
const again = time.Second

// Await compares until everything agrees, since some is written behind the answers: the requests, what is counted of
// them, the seals of the log, what is delivered. After the given time it returns what does not agree.
func (b *Book) Await(ctx context.Context, within time.Duration) ([]Line, error) {
	deadline := time.Now().Add(within)
	for {
		lines, err := b.Compare(ctx)
		if err != nil || time.Now().After(deadline) || !slices.ContainsFunc(lines, func(l Line) bool { return !l.OK() }) {
			return lines, err
		}
		timer := time.NewTimer(again)
		select {
		case <-ctx.Done():
			timer.Stop()
			return lines, ctx.Err()
		case <-timer.C:
		}
	}
}

// told is what follows from the answers to one company.
type told struct{ least, most int64 }

func exactly[N int | int64](n N) told { return told{int64(n), int64(n)} }

// compare compares each company's answers with what was found of it.
func (b *Book) compare(what string, found map[string]int64, of func(*traffic.Tenant) told) Line {
	l := Line{What: what}
	for _, t := range b.Tenants {
		want, got := of(t), found[t.ID]
		l.Least, l.Most, l.Found = l.Least+want.least, l.Most+want.most, l.Found+got
		if got < want.least || got > want.most {
			l.Faults = append(l.Faults, fmt.Sprintf("%s has %d, was told %d to %d", t.ID, got, want.least, want.most))
		}
	}
	return l
}

// equal compares two numbers of the database.
func equal(what string, found, want int64) Line {
	l := Line{What: what, Least: want, Most: want, Found: found}
	if found != want {
		l.Faults = []string{"they differ"}
	}
	return l
}

func (b *Book) ids() []string {
	ids := make([]string, len(b.Tenants))
	for i, t := range b.Tenants {
		ids[i] = t.ID
	}
	return ids
}

// count runs a statement that gives a number for each company; $1 are their ids.
func (b *Book) count(ctx context.Context, sql string, args ...any) (map[string]int64, error) {
	rows, err := b.Pool.Query(ctx, sql, append([]any{b.ids()}, args...)...)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[counted])
	found := make(map[string]int64, len(list))
	for _, c := range list {
		found[c.Company] = c.N
	}
	return found, err
}

// counted is what was found of a company.
type counted struct {
	Company string
	N       int64
}

// pair reads two numbers.
func (b *Book) pair(ctx context.Context, sql string, args ...any) (one, other int64, err error) {
	err = b.Pool.QueryRow(ctx, sql, args...).Scan(&one, &other)
	return one, other, err
}

func (b *Book) contradictions(context.Context) ([]Line, error) {
	l := Line{What: "answers that contradict others"}
	for _, t := range b.Tenants {
		l.Found += int64(len(t.Told().Wrong))
		l.Faults = append(l.Faults, t.Told().Wrong...)
	}
	return []Line{l}, nil
}
