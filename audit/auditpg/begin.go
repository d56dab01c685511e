package auditpg

import (
	"context"
	"net/netip"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/pgerr"
)

// Beginner begins transactions: a *pgxpool.Pool and a *pgx.Conn are one.
type Beginner interface {
	BeginTx(ctx context.Context, opts pgx.TxOptions) (pgx.Tx, error)
}

// TxOptions of a transaction of [BeginTx].
type TxOptions struct {
	pgx.TxOptions // BeginQuery is BeginTx's own and is not looked at
	// Tenant is whose rows the transaction works on, for row level security. Empty: none is named.
	Tenant string
	// Erasure is the id of an erasure that the transaction is part of: triggers record keys alone.
	Erasure string
}

// Begin begins a transaction that tells the triggers of watched tables who acts: the [tenon.Caller] in ctx. What it says
// is sent along with "begin", in one round trip, and is forgotten with the transaction; a connection of a pool carries
// nothing over. Without a caller the actor is recorded as unknown.
func Begin(ctx context.Context, db Beginner) (pgx.Tx, error) {
	return BeginTx(ctx, db, TxOptions{})
}

// BeginTx is [Begin] with options. Statements of the transaction may set the same settings again, local to it.
func BeginTx(ctx context.Context, db Beginner, opts TxOptions) (pgx.Tx, error) {
	caller, _ := tenon.CallerFrom(ctx)
	opts.BeginQuery = beginQuery(opts, caller)
	tx, err := db.BeginTx(ctx, opts.TxOptions)
	return tx, pgerr.Translate(err, "Audit")
}

// beginQuery is sent by the simple protocol, which takes several statements and no arguments. Settings that are empty
// are left out: they read ” or null, which is the same to whoever reads them.
func beginQuery(opts TxOptions, c tenon.Caller) string {
	plain := opts.TxOptions
	plain.BeginQuery = ""
	var b strings.Builder
	b.WriteString(begin(plain))
	separator := "; select "
	for _, s := range [...]struct{ name, value string }{
		{"tenon.tenant_id", opts.Tenant},
		{"tenon.erasure_id", opts.Erasure},
		{"tenon.actor", c.Actor},
		{"tenon.on_behalf_of", c.OnBehalfOf},
		{"tenon.ip_address", address(c.IP)},
		{"tenon.user_agent", c.UserAgent},
		{"tenon.request_id", c.RequestID},
		{"tenon.trace_id", c.TraceID},
	} {
		if s.value == "" {
			continue
		}
		b.WriteString(separator)
		b.WriteString("set_config('" + s.name + "', " + literal(cut(s.value)) + ", true)")
		separator = ", "
	}
	return b.String()
}

// begin returns the statement that pgx would send.
func begin(o pgx.TxOptions) string {
	sql := "begin"
	for _, s := range []struct{ clause, value string }{
		{" isolation level ", string(o.IsoLevel)}, {" ", string(o.AccessMode)}, {" ", string(o.DeferrableMode)},
	} {
		if s.value != "" {
			sql += s.clause + s.value
		}
	}
	return sql
}

// address returns an address, or nothing when it is none: a proxy may have put in anything.
func address(text string) string {
	if _, err := netip.ParseAddr(text); err != nil {
		return ""
	}
	return text
}

// maxText is what a record holds of a text, in bytes.
const maxText = 1024

// cut returns text as Postgres and a record can keep it.
func cut(text string) string {
	text = strings.ReplaceAll(text, "\x00", "")
	if len(text) > maxText {
		text = text[:maxText]
	}
	return strings.ToValidUTF8(text, "")
}

// literal returns text as SQL has it, whatever the settings of the connection.
func literal(text string) string {
	return "E'" + strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(text) + "'"
}
