package auditpg_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit/auditpg"
	"github.com/transbotai/tenon/internal/pgtest"
)

var testTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var caller = tenon.Caller{
	Tenant: "acme", Actor: `ann's "\desk`, OnBehalfOf: "bob", IP: "192.0.2.7", UserAgent: "curl", RequestID: "r-1", TraceID: "t-1",
}

const selectSettings = `
select array[current_setting('tenon.actor', true), current_setting('tenon.on_behalf_of', true),
  current_setting('tenon.ip_address', true), current_setting('tenon.user_agent', true),
  current_setting('tenon.request_id', true), current_setting('tenon.trace_id', true),
  current_setting('tenon.tenant_id', true), current_setting('tenon.erasure_id', true)]`

func settings(t *testing.T, db interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
},
) (values []*string) {
	t.Helper()
	require.NoError(t, db.QueryRow(t.Context(), selectSettings).Scan(&values))
	return values
}

func TestBeginSaysWhoActsAndForgetsIt(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	conn, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	for _, v := range settings(t, conn) {
		require.Nil(t, v)
	}
	ctx := tenon.WithCaller(t.Context(), caller)
	tx, err := auditpg.BeginTx(ctx, conn, auditpg.TxOptions{
		TxOptions: pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, Tenant: "bolt", Erasure: "e-1",
	})
	require.NoError(t, err)
	var got []string
	for _, v := range settings(t, tx) {
		got = append(got, *v)
	}
	require.Equal(t, []string{caller.Actor, "bob", "192.0.2.7", "curl", "r-1", "t-1", "bolt", "e-1"}, got)
	var isolation, readOnly string
	require.NoError(t, tx.QueryRow(t.Context(), "select current_setting('transaction_isolation'), current_setting('transaction_read_only')").Scan(&isolation, &readOnly))
	require.Equal(t, "repeatable read on", isolation+" "+readOnly)
	require.NoError(t, tx.Commit(t.Context()))

	for _, v := range settings(t, conn) {
		require.Equal(t, "", *v, "after the transaction a setting reads '', not null")
	}
	tx, err = auditpg.Begin(t.Context(), conn)
	require.NoError(t, err)
	for _, v := range settings(t, tx) {
		require.Equal(t, "", *v, "nothing leaks into the next one")
	}
	require.NoError(t, tx.Rollback(t.Context()))
}

// tracer counts what is sent.
type tracer struct{ sent []string }

func (r *tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	r.sent = append(r.sent, data.SQL)
	return ctx
}

func (r *tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func TestBeginIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	config := pgtest.Pool(t).Config().ConnConfig
	trace := &tracer{}
	config.Tracer = trace
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	defer conn.Close(t.Context())
	tx, err := auditpg.Begin(tenon.WithCaller(t.Context(), caller), conn)
	require.NoError(t, err)
	require.Len(t, trace.sent, 1)
	require.True(t, strings.HasPrefix(trace.sent[0], "begin; select set_config('tenon.actor', "))
	require.NoError(t, tx.Rollback(t.Context()))
}

func TestBeginBearsWhateverAClientSends(t *testing.T) {
	t.Parallel()
	pool := watching(t, nil)
	for _, text := range []string{
		`'); drop table quotes; --`, `\'); drop table quotes; --`, "a\x00b", "\xff\xfe", strings.Repeat("ü", 5000), "$1 ?", `E'\\'`,
	} {
		ctx := tenon.WithCaller(t.Context(), tenon.Caller{Actor: text, IP: text, UserAgent: text})
		tx, err := auditpg.Begin(ctx, pool)
		require.NoError(t, err, text)
		pgtest.Exec(t, tx, "insert into quotes (company, id) values ('acme', (select count(*) from quotes))")
		require.NoError(t, tx.Commit(t.Context()))
	}
	list := trail(t, pool)
	require.Equal(t, `'); drop table quotes; --`, list[0].Actor)
	require.Equal(t, "ab", list[2].Actor)
	require.Equal(t, "", list[3].Actor)
	require.Equal(t, strings.Repeat("ü", 512), list[4].Actor)
}

func TestATriggerRecordsWhoActs(t *testing.T) {
	t.Parallel()
	pool := watching(t, nil)
	tx, err := auditpg.Begin(tenon.WithCaller(t.Context(), caller), pool)
	require.NoError(t, err)
	pgtest.Exec(t, tx, "insert into quotes (company, id) values ('bolt', 1)")
	require.NoError(t, tx.Commit(t.Context()))
	r := last(t, pool)
	require.Equal(t, []string{"bolt", caller.Actor}, []string{r.Tenant, r.Actor}, "the tenant is the row's, not the actor's")
	var ip, agent, request, trace, behalf string
	require.NoError(t, pool.QueryRow(t.Context(), "select ip_address, user_agent, request_id, trace_id, on_behalf_of from tenon.audit_log").
		Scan(&ip, &agent, &request, &trace, &behalf))
	require.Equal(t, []string{"192.0.2.7", "curl", "r-1", "t-1", "bob"}, []string{ip, agent, request, trace, behalf})
}

func TestWhatIsUndoneIsNotRecorded(t *testing.T) {
	t.Parallel()
	pool := watching(t, nil)
	tx, err := auditpg.Begin(t.Context(), pool)
	require.NoError(t, err)
	pgtest.Exec(t, tx, "insert into quotes (company, id) values ('acme', 1)")
	require.NoError(t, tx.Rollback(t.Context()))
	require.Empty(t, trail(t, pool))
}
