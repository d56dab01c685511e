package gdprpg_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
	"github.com/transbotai/tenon/gdpr/gdprpg"
	"github.com/transbotai/tenon/internal/pgtest"
)

// erasure erases, or fails when it is told to.
type eraser struct {
	failing bool
	asked   []tenon.Subject
}

func (e *eraser) Erase(_ context.Context, s tenon.Subject) (map[string]int64, error) {
	if e.failing {
		return nil, errors.New("the satellite is away")
	}
	e.asked = append(e.asked, s)
	return map[string]int64{"things": 2}, nil
}

func TestARestoredBackupForgetsAgainWhomItBringsBack(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	host, d := bazaarHost(pool), deletion("acme")
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	_, err = host.Certify(t.Context(), d, nil)
	require.NoError(t, err)
	want := bazaarDump(t, pool)
	back, err := host.Suppressed(t.Context())
	require.NoError(t, err)
	require.Empty(t, back)
	kept, err := host.Suppressions(t.Context())
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.NotContains(t, kept[0].Subject, "acme")

	openBazaar(t, pool) // as it was before, tenon's tables too
	certificates, err := host.Replay(t.Context())
	require.NoError(t, err)
	require.Empty(t, certificates, "the restored list knows of nobody")
	for range 2 {
		require.NoError(t, host.Suppress(t.Context(), kept))
	}
	back, err = host.Suppressed(t.Context())
	require.NoError(t, err)
	require.Equal(t, []tenon.Subject{{Tenant: "acme"}}, back)

	away := &eraser{failing: true}
	satellites := []gdpr.Satellite{{Name: "second", Eraser: away, After: []string{"first"}}, {Name: "first", Eraser: &eraser{}}}
	_, err = host.Replay(t.Context(), satellites...)
	require.ErrorContains(t, err, "the satellite is away")
	require.NotContains(t, err.Error(), "acme")
	away.failing = false
	// Its rows are gone, so that only the deletion itself says that it was not certified.
	certificates, err = host.Replay(t.Context(), satellites...)
	require.NoError(t, err)
	require.Len(t, certificates, 1)
	require.Equal(t, erasedRows, rows(certificates[0].Tables))
	require.Equal(t, "first", certificates[0].Satellites[0].Satellite)
	require.Equal(t, want, bazaarDump(t, pool))
}

func TestATriggerIsToldOfTheErasure(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	pgtest.Exec(t, pool, `
create table public.seen (erasure text, tbl text);
create function public.look() returns trigger language plpgsql as $$
begin
  insert into public.seen values (current_setting('tenon.erasure_id', true), tg_table_name);
  return null;
end $$;
create trigger look after update or delete on bazaar.users for each row execute function public.look();
create trigger look after update or delete on bazaar.invoices for each row execute function public.look();
create trigger look after update or delete on bazaar.lines for each row execute function public.look()`)
	host, d := bazaarHost(pool), deletion("acme")
	_, err := host.Mark(t.Context(), d)
	require.NoError(t, err)
	plan, err := host.Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	_, err = host.Erase(t.Context(), d, plan)
	require.NoError(t, err)
	require.Equal(t, []string{d.ID}, pgtest.List[string](t, pool, "select distinct erasure from public.seen"))
	require.Equal(t, 8+9+5+15, pgtest.One[int](t, pool, "select count(*) from public.seen"))
}

func TestTwoInstancesThatEraseOneCompanyCountEachRowOnce(t *testing.T) {
	t.Parallel()
	pool := database(t)
	openBazaar(t, pool)
	d := deletion("acme")
	plan, err := smallHost(pool).Plan(t.Context(), d.Subject)
	require.NoError(t, err)
	failures := make(chan error, 3)
	for range cap(failures) {
		go func() {
			_, err := smallHost(pool).Erase(t.Context(), d, plan)
			failures <- err
		}()
	}
	for range cap(failures) {
		require.NoError(t, <-failures)
	}
	certificate, err := smallHost(pool).Certify(t.Context(), d, nil)
	require.NoError(t, err)
	require.Equal(t, erasedRows, rows(certificate.Tables))
}

func TestAHostWithoutASecretProvesNothing(t *testing.T) {
	t.Parallel()
	host := gdprpg.NewHost(database(t), gdprpg.HostOptions{Company: bazaar()})
	_, err := host.Certify(t.Context(), deletion("acme"), nil)
	require.ErrorIs(t, err, tenon.ErrInvalid)
	_, err = host.Suppressed(t.Context())
	require.ErrorIs(t, err, tenon.ErrInvalid)
}
