package directorypg_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
	"github.com/transbotai/tenon/directory/directorypg"
	"github.com/transbotai/tenon/internal/pgtest"
	"github.com/transbotai/tenon/notify/notifypg"
)

func outboxes() *directorypg.Options {
	return &directorypg.Options{
		Notifier: func(tx pgx.Tx) tenon.Notifier { return notifypg.New(tx, nil) },
		Recorder: pgtest.Recorder,
	}
}

// endSQL is the end state, in words that do not depend on ids.
const endSQL = `
select 'company ' || company_name || ' ' || version || ' ' || status || ' ' || coalesce(next_at::text, '') from tenon.directory_companies
union all select 'published ' || company_name || ' ' || terms::text from tenon.public_partners
union all select 'entry ' || company_name || ' ' || rank from tenon.directory_entries
union all select 'listing ' || service || ' ' || region from tenon.directory_listings
union all select 'document ' || kind || ' ' || version || ' ' || in_force || ' ' || told::text from tenon.directory_docs
union all select 'step ' || n || ' ' || status from tenon.directory_status_log
union all select 'word ' || word from tenon.directory_words
union all select 'day ' || day || ' ' || expired || ' ' || expiring_soon from tenon.directory_digests
union all select 'alert ' || title from tenon.notifications
union all select 'told ' || (body ->> 'action') from public.told
order by 1`

// here is the partner that works are about; its id is the test's own, so that every work can be tried again.
var here = directory.Ref{Tenant: "acme", ID: "01890000-0000-7000-8000-00000000beef"}

// works are everything that writes, in the order in which it is done. Each is idempotent, so that it may be tried again.
var works = []struct {
	name string
	do   func(ctx context.Context, s *directorypg.Store) error
}{
	{"create", func(ctx context.Context, s *directorypg.Store) error {
		_, err := s.Change(ctx, here, func(d *directory.Dossier) (directory.Effects, error) {
			if d.Version > 0 {
				return directory.Effects{}, nil
			}
			d.Version, d.Status, d.CreatedAt, d.UpdatedAt = 1, directory.Draft, noon, noon
			d.Draft, d.Log = profile("Freight One"), []directory.Step{{At: noon, What: directory.Created}}
			d.Draft.Language = directory.English
			return directory.Effects{Changes: []tenon.Change{{Action: "created", At: noon}}}, nil
		})
		return err
	}},
	{"submit", func(ctx context.Context, s *directorypg.Store) error {
		_, err := bookAt(s, noon, nil).Submit(ctx, here, 1)
		return err
	}},
	{"publish", func(ctx context.Context, s *directorypg.Store) error {
		_, err := bookAt(s, noon, nil).Publish(ctx, here, 1)
		return err
	}},
	{"add", func(ctx context.Context, s *directorypg.Store) error {
		b := bookAt(s, noon, nil)
		if papers, err := b.Papers(ctx, here); err != nil || len(papers) > 0 {
			return err
		}
		_, err := b.AddDocument(ctx, here, directory.Document{Kind: "licence", Expires: directory.DateOf(noon)})
		return err
	}},
	{"settle", func(ctx context.Context, s *directorypg.Store) error {
		_, err := bookAt(s, noon, nil).Settle(ctx)
		return err
	}},
	{"expire", func(ctx context.Context, s *directorypg.Store) error {
		_, err := bookAt(s, noon.AddDate(0, 0, 1), nil).Settle(ctx)
		return err
	}},
	{"digest", func(ctx context.Context, s *directorypg.Store) error {
		_, err := bookAt(s, noon, nil).Digest(ctx)
		return err
	}},
	{"erase", func(ctx context.Context, s *directorypg.Store) error {
		_, err := s.Erase(ctx, tenon.Subject{Tenant: "other"})
		return err
	}},
	{"remove", func(ctx context.Context, s *directorypg.Store) error {
		err := bookAt(s, noon, nil).Remove(ctx, here, "")
		if errors.Is(err, directory.ErrUnknownPartner) {
			return nil
		}
		return err
	}},
}

// play does all works with the n-th statement of one of them going wrong, each again until it succeeds.
func play(t *testing.T, work, n int, fault pgtest.Fault) (end []string, fired bool) {
	t.Helper()
	pool := database(t)
	pgtest.Tell(t, pool)
	publish(t, bookAt(directorypg.New(pool, nil), noon, nil), "other", profile("Zyx Freight"))
	for i, w := range works {
		step := 0
		if i == work {
			step = n
		}
		faulty := pgtest.NewFaulty(pool, step, fault)
		store := directorypg.New(faulty, outboxes())
		faulty.Try(t, func() error { return w.do(t.Context(), store) })
		fired = fired || faulty.Fired()
	}
	return pgtest.List[string](t, pool, endSQL), fired
}

func TestWorkThatFailsAtAnyStatementAndIsTriedAgainEndsAsIfNothingHadFailed(t *testing.T) {
	t.Parallel()
	want, _ := play(t, -1, 0, pgtest.Fail)
	require.Contains(t, want, "alert licence of Freight One expires on 2026-03-10, today")
	require.Contains(t, want, "alert licence of Freight One expired on 2026-03-10")
	require.Contains(t, want, "told directory.removed")
	for i, w := range works {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			pgtest.EveryStep(t, pgtest.InTurn(i), func(n int, fault pgtest.Fault) bool {
				got, fired := play(t, i, n, fault)
				require.Equal(t, want, got, "%s at step %d", fault, n)
				return fired
			})
		})
	}
}

func TestAStoreThatIsAwaySaysSo(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), "host="+t.TempDir()+" user=nobody")
	require.NoError(t, err)
	defer pool.Close()
	book := bookAt(directorypg.New(pool, nil), noon, nil)
	_, err = book.Search(t.Context(), directory.Search{Text: "one"})
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	_, err = book.Partner(t.Context(), here)
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	_, err = book.Create(t.Context(), "acme", profile("One"))
	require.ErrorIs(t, err, tenon.ErrUnavailable)
	_, err = book.Settle(t.Context())
	require.ErrorIs(t, err, tenon.ErrUnavailable)

	ctx, cancel := context.WithCancel(t.Context())
	running := directory.NewBook(directorypg.New(pool, nil), &directory.Options{Every: time.Millisecond})
	done := make(chan error, 1)
	go func() { done <- running.Run(ctx) }()
	require.Eventually(t, func() bool { return running.Stats().LastError != "" }, 30*time.Second, time.Millisecond)
	cancel()
	require.NoError(t, <-done)
}
