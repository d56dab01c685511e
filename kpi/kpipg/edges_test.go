package kpipg_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpipg"
)

// meanwhile is a pool whose transactions are interrupted once, before the first statement that holds the text.
type meanwhile struct {
	*pgxpool.Pool
	text string
	once sync.Once
	do   func()
}

func (m *meanwhile) Begin(ctx context.Context) (pgx.Tx, error) {
	tx, err := m.Pool.Begin(ctx)
	return interrupted{tx, m}, err
}

type interrupted struct {
	pgx.Tx
	m *meanwhile
}

func (i interrupted) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	if strings.Contains(sql, i.m.text) {
		i.m.once.Do(i.m.do)
	}
	return i.Tx.Exec(ctx, sql, args...)
}

func TestWhatIsTrackedWhileACompanyIsErasedIsCountedOrGone(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"event_keys", "events", "event_quarantine", "kpi_pending", "kpi_rollups"} {
		t.Run(table, func(t *testing.T) {
			t.Parallel()
			pool := database(t)
			define(t, pool)
			track(t, pool, sent("acme", "1"))
			fold(t, pool)
			db := &meanwhile{Pool: pool, text: `delete from tenon."` + table + `"`, do: func() { track(t, pool, sent("acme", "2")) }}
			_, err := kpipg.New(db, nil).Erase(t.Context(), tenon.Subject{Tenant: "acme"})
			require.NoError(t, err)
			fold(t, pool)
			consistent(t, pool)
			fold(t, pool)
			track(t, pool, sent("acme", "3"))
			fold(t, pool)
			consistent(t, pool)
		})
	}
}

func TestACorrectionThatIsSentAgainChangesNothing(t *testing.T) {
	t.Parallel()
	for _, folded := range []bool{false, true} {
		pool := database(t)
		define(t, pool)
		track(t, pool, sent("acme", "1"), accepted("acme", "1"))
		store := kpipg.New(pool, nil)
		now := tenon.Instant(time.Now())
		e := sent("acme", "1")
		e.ID, e.At, e.ReceivedAt, e.JSON = tenon.NewID(now), now, now, []byte(`{"quote":"1","amount":7}`)
		entry := kpi.Entry{Kind: kpi.Correct, Event: e}
		for range 3 {
			receipts, err := store.Track(t.Context(), []kpi.Entry{entry})
			require.NoError(t, err)
			require.Equal(t, []kpi.Receipt{{Outcome: kpi.Corrected, ID: e.ID}}, receipts)
			if folded {
				fold(t, pool)
			}
			require.Equal(t, "1 of 1, 7", figure(t, pool, "amount", "acme"))
			require.Equal(t, "1 of 1, 0", figure(t, pool, "quote_book", "acme"))
			consistent(t, pool)
		}
	}
}

func TestVerifyFindsNothingWhileEventsOfASubjectAreFoldedApart(t *testing.T) {
	t.Parallel()
	pool := database(t)
	define(t, pool)
	early, late := sent("acme", "1"), sent("acme", "1")
	late.At = time.Now()
	early.At, early.Key = late.At.Add(-time.Hour), "early"
	early.Properties = late.Properties
	track(t, pool, late)
	fold(t, pool)
	first := track(t, pool, early)[0]
	require.NoError(t, patient(kpipg.New(pool, nil)).Retract(t.Context(), kpi.Ref{Tenant: "acme", Key: late.Key}))
	tx := pgtest.Begin(t, pool)
	pgtest.Exec(t, tx, "select from tenon.kpi_pending where id = $1 for update", first.ID)
	fold(t, pool) // all but that
	consistent(t, pool)
	require.Equal(t, "0 of 1, 0", figure(t, pool, "quote_book", "acme"))
	require.NoError(t, tx.Rollback(t.Context()))
	fold(t, pool)
	consistent(t, pool)
	require.Equal(t, "0 of 1, 0", figure(t, pool, "quote_book", "acme"))
}

func TestWhoDoesNotUnderstandAMeasureLeavesFoldingToOthers(t *testing.T) {
	t.Parallel()
	pool := database(t)
	define(t, pool)
	fold(t, pool)
	const newer = "update tenon.kpi_measures set measure = 'newer', definition = definition || '{\"newer\": true}' where within is null and definition ? 'property'"
	pgtest.Exec(t, pool, newer)
	pgtest.Exec(t, pool, "update tenon.kpis set measures = '{newer}' where name = 'amount'")
	track(t, pool, sent("acme", "1"))
	require.ErrorContains(t, kpipg.New(pool, nil).Fold(t.Context()), "newer")
	require.EqualValues(t, 1, pgtest.One[int64](t, pool, "select count(*) from tenon.kpi_pending"), "whoever knows it finds the event")
	require.Equal(t, "1 of 1, 12.5", figure(t, pool, "amount", "acme"))
}

func TestTheNewestEventIsTheNewestOfABatch(t *testing.T) {
	t.Parallel()
	pool := database(t)
	define(t, pool)
	now := tenon.Instant(time.Now())
	var entries []kpi.Entry
	for i, key := range []string{"a", "c", "b"} {
		e := kpi.Event{Tenant: "acme", Name: "quote_sent", Key: key, At: now, JSON: []byte(`{}`)}
		e.ReceivedAt = now.Add(time.Duration(i%2-1) * time.Minute) // c is the newest
		e.ID = tenon.NewID(e.ReceivedAt)
		entries = append(entries, kpi.Entry{Event: e})
	}
	_, err := kpipg.New(pool, nil).Track(t.Context(), entries)
	require.NoError(t, err)
	for range 2 {
		r, err := board(kpipg.New(pool, nil)).Read(t.Context(), kpi.Query{KPI: "sent", Tenant: "acme"})
		require.NoError(t, err)
		require.Equal(t, now, r.Freshness.Newest)
		fold(t, pool)
	}
}

func TestACohortIsNotMatureBeforeItsWeekIsOver(t *testing.T) {
	t.Parallel()
	pool := database(t)
	require.NoError(t, board(kpipg.New(pool, nil)).Define(t.Context(), kpi.DirectoryOnboard("UTC", 0)))
	week := func(ago int) string {
		return pgtest.One[string](t, pool, "select coalesce(max(mature::text), '-') from tenon.kpi_directory_onboard_cohorts where cohort = date_trunc('week', now() - $1 * interval '7 days')::date", ago)
	}
	for _, ago := range []int{0, 1} {
		at := pgtest.One[time.Time](t, pool, "select date_trunc('week', now() - $1 * interval '7 days')", ago)
		track(t, pool, kpi.Event{Tenant: "acme", Name: "directory_invited", At: at, Properties: map[string]any{"partner_id": ago}})
	}
	fold(t, pool)
	require.Equal(t, []string{"false", "true"}, []string{week(0), week(1)})
}

func TestAPersonsEventsDoNotLeaveAgainWhenThePersonIsErased(t *testing.T) {
	t.Parallel()
	pool := database(t)
	define(t, pool)
	store := kpipg.New(pool, telling(t, pool))
	track(t, pool, sent("acme", "1"))
	require.NoError(t, store.Fold(t.Context()))
	track(t, pool, sent("acme", "2"))
	_, err := store.Erase(t.Context(), tenon.Subject{Tenant: "acme", User: "ann"})
	require.NoError(t, err)
	require.NoError(t, store.Fold(t.Context()))
	require.EqualValues(t, 2, pgtest.One[int64](t, pool, "select count(*) from public.told"), "each once")
	require.Equal(t, []bool{true, false}, pgtest.List[bool](t, pool, "select body ->> 'text' like '%ann%' from public.told order by 1 desc"))
}

func TestADefinitionOfANewerVersionStaysAsItIs(t *testing.T) {
	t.Parallel()
	pool := database(t)
	define(t, pool)
	pgtest.Exec(t, pool, "update tenon.kpis set definition = definition || '{\"newer\": true}', measures = '{newer}' where name = 'sent'")
	require.NoError(t, board(kpipg.New(pool, nil)).Define(t.Context(), kpi.KPI{Name: "other", Count: &kpi.Count{Of: kpi.On("e")}}))
	require.True(t, pgtest.One[bool](t, pool, "select definition ? 'newer' and measures = '{newer}' from tenon.kpis where name = 'sent'"))
}

// longAgo tracks a quote that was sent two months ago, folds it, and drops its partition.
func longAgo(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	pgtest.Exec(t, pool, monthsAgo)
	at := tenon.Instant(time.Now().AddDate(0, -2, 0))
	e := sent("acme", "old")
	e.ID, e.At, e.ReceivedAt, e.JSON = tenon.NewID(at), at, at, []byte(`{"quote":"old"}`)
	_, err := kpipg.New(pool, nil).Track(t.Context(), []kpi.Entry{{Event: e}})
	require.NoError(t, err)
	fold(t, pool)
	pgtest.Exec(t, pool, "select tenon.drop_partitions('tenon.events', now() - interval '20 days')")
	require.Zero(t, pgtest.One[int64](t, pool, "select count(*) from tenon.events"))
}

func TestASubjectThatLosesAnEventKeepsTheStartWhosePartitionWasDropped(t *testing.T) {
	t.Parallel()
	pool := database(t)
	define(t, pool)
	longAgo(t, pool)
	quotes := func() string {
		return figures(t, kpipg.New(pool, nil), kpi.Query{KPI: "quote_book", Tenant: "acme", Last: 100})
	}
	require.Equal(t, "0 of 1, 0", quotes())
	track(t, pool, accepted("acme", "old"))
	fold(t, pool)
	require.Equal(t, "1 of 1, 0", quotes())
	require.NoError(t, patient(kpipg.New(pool, nil)).Retract(t.Context(), kpi.Ref{Tenant: "acme", Key: "accepted/old"}))
	fold(t, pool)
	require.Equal(t, "0 of 1, 0", quotes())
}

func TestAnEventWhosePartitionWasDroppedIsNeitherCorrectedNorRetracted(t *testing.T) {
	t.Parallel()
	pool := database(t)
	define(t, pool)
	longAgo(t, pool)
	tracker := patient(kpipg.New(pool, nil))
	for range 2 {
		_, err := tracker.Correct(t.Context(), sent("acme", "old"))
		require.ErrorIs(t, err, kpi.ErrUnknownEvent)
		require.ErrorIs(t, tracker.Retract(t.Context(), kpi.Ref{Tenant: "acme", Key: "sent/old"}), kpi.ErrUnknownEvent)
		fold(t, pool)
		require.Equal(t, "1 of 1, 0", figures(t, kpipg.New(pool, nil), kpi.Query{KPI: "sent", Tenant: "acme", Last: 100}), "it counts as it did")
	}
}

func TestAPersonWhoseEventsWereDroppedIsForgottenToo(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		pool := database(t)
		require.NoError(t, board(kpipg.New(pool, nil)).Define(t.Context(), kpi.KPI{
			Name: "active", Conversion: &kpi.Conversion{Start: kpi.On("quote_sent"), Convert: kpi.On("quote_accepted")},
		}))
		longAgo(t, pool)
		if again {
			track(t, pool, sent("acme", "new"))
			fold(t, pool)
		}
		users := func() string {
			return figures(t, kpipg.New(pool, nil), kpi.Query{KPI: "active", Tenant: "acme", Last: 100})
		}
		require.Equal(t, "0 of 1, 0", users())
		_, err := kpipg.New(pool, nil).Erase(t.Context(), tenon.Subject{Tenant: "acme", User: "ann"})
		require.NoError(t, err)
		require.Zero(t, pgtest.One[int64](t, pool, "select count(*) from tenon.kpi_subjects where subject = 'ann'"))
		require.Equal(t, "0 of 1, 0", users())
		track(t, pool, sent("acme", "newer"))
		fold(t, pool)
		require.Equal(t, "0 of 2, 0", users(), "who comes again is somebody else")
	}
}

func TestAPersonIsErasedWhereARegisteredEventHasNothingPersonal(t *testing.T) {
	t.Parallel()
	pool := database(t)
	define(t, pool)
	track(t, pool, sent("acme", "1"))
	registry := &kpi.Registry{Events: map[string]kpi.EventType{"quote_sent": {Open: true}, "quote_accepted": {Open: true}}}
	erased, err := kpipg.New(pool, &kpipg.Options{Registry: registry}).Erase(t.Context(), tenon.Subject{Tenant: "acme", User: "ann"})
	require.NoError(t, err)
	require.EqualValues(t, 1, erased["tenon.events"])
	require.Equal(t, "1 of 1, 12.5", figure(t, pool, "amount", "acme"))
}

func TestAPersonIsErasedWhileACorrectionIsNotFolded(t *testing.T) {
	t.Parallel()
	pool := database(t)
	require.NoError(t, board(kpipg.New(pool, nil)).Define(t.Context(), kpi.KPI{
		Name: "active", Conversion: &kpi.Conversion{Start: kpi.On("quote_sent"), Convert: kpi.On("quote_accepted")},
	}))
	track(t, pool, sent("acme", "1"))
	fold(t, pool)
	e := sent("acme", "1")
	e.User = "bob"
	_, err := patient(kpipg.New(pool, nil)).Correct(t.Context(), e)
	require.NoError(t, err)
	_, err = kpipg.New(pool, nil).Erase(t.Context(), tenon.Subject{Tenant: "acme", User: "ann"})
	require.NoError(t, err)
	consistent(t, pool)
	fold(t, pool)
	consistent(t, pool)
	require.Equal(t, "0 of 1, 0", figure(t, pool, "active", "acme"))
}

func TestNoRollupsAreMadeOfWhatAnOlderVersionMakesOfANewerDefinition(t *testing.T) {
	t.Parallel()
	pool := database(t)
	require.NoError(t, board(kpipg.New(pool, nil)).Define(t.Context(), quotes[0]))
	pgtest.Exec(t, pool, "update tenon.kpis set definition = definition || '{\"newer\": true}', measures = '{newer}'")
	pgtest.Exec(t, pool, "alter table tenon.kpi_measures add check (measure = 'newer')")
	fold(t, pool)
}

func TestKPIsThatATransactionDefinesGoWithIt(t *testing.T) {
	t.Parallel()
	pool := database(t)
	b := board(kpipg.New(pool, nil))
	for _, commits := range []bool{false, true} {
		tx, err := pool.Begin(t.Context())
		require.NoError(t, err)
		bound := b.WithStore(kpipg.New(tx, nil))
		require.NoError(t, bound.Define(t.Context(), quotes...))
		within, err := bound.KPIs(t.Context())
		require.NoError(t, err)
		require.Len(t, within, len(quotes))
		end, want := tx.Rollback, 0
		if commits {
			end, want = tx.Commit, len(quotes)
		}
		require.NoError(t, end(t.Context()))
		after, err := b.KPIs(t.Context())
		require.NoError(t, err)
		require.Len(t, after, want)
	}
}
