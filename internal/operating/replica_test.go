package operating_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/internal/pgerr"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
	"github.com/transbotai/tenon/support"
)

// reads are what a replica may answer: boards, exports, search and reports. Each returns how much it found.
func (s *services) reads() map[string]func(context.Context) (int, error) {
	exported := func(e tenon.Exporter) func(context.Context) (int, error) {
		return func(ctx context.Context) (n int, err error) {
			for _, err := range e.Export(ctx, tenon.Subject{Tenant: "acme"}) {
				if err != nil {
					return n, err
				}
				n++
			}
			return n, nil
		}
	}
	return map[string]func(context.Context) (int, error){
		"the audit log": func(ctx context.Context) (int, error) {
			found, err := s.log.List(ctx, audit.Query{Tenant: "acme"})
			return len(found), err
		},
		"a customer's records, exported": exported(s.records),
		"the board of objectives": func(ctx context.Context) (int, error) {
			r, err := s.board.Current(ctx)
			return len(r.Statuses), err
		},
		"the board of figures": func(ctx context.Context) (int, error) {
			r, err := s.figures.Read(ctx, kpi.Query{KPI: "sent", Last: 2})
			n := 0
			for _, p := range r.Points {
				n += int(p.Count)
			}
			return n, err
		},
		"the directory's search": func(ctx context.Context) (int, error) {
			page, err := s.book.Search(ctx, directory.Search{Text: "one"})
			if err != nil {
				return 0, err
			}
			return len(page.Results), nil
		},
		"the desk's report": func(ctx context.Context) (int, error) {
			r, err := s.desk.Report(ctx, "acme", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
			return r.Total, err
		},
		"the desk's list": func(ctx context.Context) (int, error) {
			found, err := s.desk.List(ctx, support.TicketQuery{Tenant: "acme"})
			return len(found), err
		},
		"a customer's rights, exported": exported(s.rights),
		"a customer's events, exported": exported(s.events),
	}
}

func TestAReplicaServesBoardsExportsSearchAndReportsAndDecidesNothing(t *testing.T) {
	t.Parallel()
	primary := start(t, nil)
	pool := pgtest.Connect(t, primary.URL("postgres"))
	writer := open(t, pool, patience)
	prepare(t, writer, "acme", "zenith")
	replica, err := primary.Replica(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = replica.Stop() })
	for name, write := range writer.writes("acme") {
		require.NoError(t, write(staff(t.Context())), name)
	}
	publish(t, writer)
	require.NoError(t, writer.events.Fold(t.Context()))
	require.NoError(t, replica.CaughtUp(t.Context(), primary))

	reader := open(t, pgtest.Connect(t, replica.URL("postgres")), patience)
	for name, read := range reader.reads() {
		found, err := read(t.Context())
		require.NoError(t, err, name)
		require.Positive(t, found, name)
	}
	both := kpipg.New(pool, &kpipg.Options{Replica: pgtest.Connect(t, replica.URL("postgres"))})
	r, err := kpi.NewBoard(both, &kpi.BoardOptions{Timeout: patience}).Read(t.Context(), kpi.Query{KPI: "sent", Last: 2})
	require.NoError(t, err)
	require.NotEmpty(t, r.Points, "definitions from the primary, counts from the replica")

	before := pgtest.One[string](t, pool, "select pg_current_wal_insert_lsn()::text")
	for name, write := range reader.writes("zenith") {
		err := write(staff(t.Context()))
		require.ErrorIs(t, err, tenon.ErrUnavailable, name)
		require.True(t, pgerr.Is(err, pgerr.ReadOnly), "%s: %v", name, err)
	}
	require.Equal(t, before, pgtest.One[string](t, pool, "select pg_current_wal_insert_lsn()::text"), "nothing was written")
}

// publish lists a partner that everybody finds.
func publish(t *testing.T, s *services) {
	t.Helper()
	d, err := s.book.Create(staff(t.Context()), "acme", directory.Profile{
		Name: "Freight One", Services: []string{"ltl"}, Regions: []string{"us-ca"}, Public: true,
	})
	require.NoError(t, err)
	_, err = s.book.Submit(staff(t.Context()), d.Ref, d.Version)
	require.NoError(t, err)
	_, err = s.book.Publish(staff(t.Context()), d.Ref, d.Version)
	require.NoError(t, err)
}
