// Package faultmatrix_test breaks every write of every store in Postgres at each of its statements, in every way, and
// tries it again as the store's documentation tells its callers to: what is there in the end must be what is there when
// nothing broke.
package faultmatrix_test

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/conform"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/migrations"
)

// maxSteps is more than any write takes: a fault that never stops to fire is a defect of the test.
const maxSteps = 120

// work writes, as a caller does who may be calling for the second time since the first call failed.
type work func(s *stage, db pgtest.Handle) error

// write is a line of the matrix.
type write struct {
	covers  string         // the method that is called: "flagspg.Store.Write"
	how     string         // tells lines of one method apart
	prepare func(s *stage) // writes what is there before; nil: nothing is
	do      work
}

// whole are the methods that change more than rows, know where a row lies, or look at every table: each try has a copy
// of the database.
var whole = []string{
	"auditpg.Store.Drop", "auditpg.Store.Maintain", "auditpg.Watch", "auditpg.Unwatch", "entitlementspg.Store.Run",
	"gdprpg.Host.Certify", "gdprpg.Host.Judged", "gdprpg.Host.Replay", "kpipg.Store.Run", "supportpg.Store.Fail",
	"supportpg.Store.Work",
}

func (w write) name() string {
	if w.how == "" {
		return w.covers
	}
	return w.covers + "/" + w.how
}

// feature are the lines of one package.
type feature struct {
	set    migrations.Set
	tables string // of the host's, in SQL
	writes []write
}

// matrix is filled in a file for each package.
var matrix = []feature{
	auditing, billing, counting, directories, entitling, erasing, flagging, limiting, measuring, notifying, supporting,
}

// tried returns the faults to try at the n-th statement: all of them, or, where the loops are short, one after another.
func tried(w write, n int) []pgtest.Fault {
	return pgtest.InTurn(len(w.name()))(n)
}

// stride leaves statements of long writes out where the loops are short.
func stride(steps int) int {
	if conform.Soak() {
		return 1
	}
	return 1 + steps/10
}

var cells, fired atomic.Int64

func TestAWriteThatBreaksAnywhereAndIsTriedAgainEndsAsIfNothingHadBroken(t *testing.T) {
	t.Parallel()
	t.Cleanup(func() { t.Logf("%d cells; in %d the caller had to try again", cells.Load(), fired.Load()) })
	for _, f := range matrix {
		for _, w := range f.writes {
			t.Run(w.name(), func(t *testing.T) {
				t.Parallel()
				tryLine(t, f, w)
			})
		}
	}
}

// tryLine prepares a database once, and breaks the write there again and again.
func tryLine(t *testing.T, f feature, w write) {
	t.Helper()
	s := prepare(t, f, w)
	defer s.pool.Close()
	before := s.again(t).dump()
	want := tryCell(t, s, w, 0, pgtest.Fail)
	require.False(t, slices.Equal(before, want.end), "it writes nothing")
	require.Less(t, want.steps, maxSteps)
	for n := 1; n <= want.steps; n += stride(want.steps) {
		for _, fault := range tried(w, n) {
			t.Run(fmt.Sprintf("%s at %d", fault, n), func(t *testing.T) {
				requireSame(t, want.end, tryCell(t, s, w, n, fault).end)
			})
		}
	}
}

// requireSame compares ends, and shows what differs alone.
func requireSame(t *testing.T, want, got []string) {
	t.Helper()
	missing, extra := without(want, got), without(got, want)
	require.Empty(t, append(missing, extra...), "%d lines are missing, the others too many", len(missing))
	require.Len(t, got, len(want))
}

func without(lines, others []string) []string {
	return slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return slices.Contains(others, line) })
}

// prepare makes what is there before, and keeps a copy of it.
func prepare(t *testing.T, f feature, w write) *stage {
	t.Helper()
	s := &stage{t: t, url: pgtest.Database(t, f.set, migrations.Notify), now: now}
	s.connect()
	s.execute("create table public.told (what text not null)")
	if f.tables != "" {
		s.execute(f.tables)
	}
	if w.prepare != nil {
		w.prepare(s)
	}
	if slices.Contains(whole, w.covers) {
		s.pool.Close() // a database is copied when nobody is connected
		s.copied = true
		return s
	}
	s.save()
	return s
}

// outcome is what a cell ended with.
type outcome struct {
	end   []string
	steps int // without the trying again
}

// tryCell does the work on what was prepared, with the n-th statement going wrong, until it succeeds.
func tryCell(t *testing.T, prepared *stage, w write, n int, fault pgtest.Fault) outcome {
	t.Helper()
	s := prepared.again(t)
	faulty := pgtest.NewFaulty(s.pool, n, fault)
	err := w.do(s, faulty)
	steps := faulty.Steps()
	cells.Add(1)
	if err != nil {
		require.True(t, faulty.Fired(), "%v", err)
		requireAway(t, err)
		fired.Add(1)
	}
	for tries := 0; err != nil && tries < 3; tries++ {
		s.settled()
		s.tries++
		err = w.do(s, faulty)
	}
	require.NoError(t, err, w.name())
	s.settled()
	return outcome{s.dump(), steps}
}

// requireAway checks that an error says that the store is at fault and the caller is not: it may have happened or not.
func requireAway(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	for _, class := range []error{tenon.ErrInvalid, tenon.ErrConflict, tenon.ErrDenied, tenon.ErrNotFound} {
		require.False(t, errors.Is(err, class), "%v", err)
	}
}

// now is the time of everything here, without a fraction of a second: a time that has one is a clock's.
var now = time.Now().UTC().Truncate(time.Hour)
