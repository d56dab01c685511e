package audit_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

// fieldOf returns the field that a refusal names.
func fieldOf(t *testing.T, err error) string {
	t.Helper()
	require.ErrorIs(t, err, tenon.ErrInvalid)
	var field *tenon.FieldError
	require.ErrorAs(t, err, &field)
	return field.Field
}

// nothing says that no log has anything.
func nothing(t *testing.T, log *audit.Log) {
	t.Helper()
	found, err := log.List(t.Context(), audit.Query{AllTenants: true})
	require.NoError(t, err)
	require.Empty(t, found)
}

// badIDs are none in their usual form.
var badIDs = []string{"7", strings.Repeat("0", 36), "01938A00-0000-7000-8000-00000000000F", "01938a00-0000-7000-8000-00000000000g"}

func TestAnIDThatIsNoneIsRefusedByName(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{})
	for _, id := range badIDs {
		_, err := log.Record(t.Context(), audit.Record{ID: id, Action: "a.b"})
		require.Equal(t, "id", fieldOf(t, err), id)
		_, err = log.Hold(t.Context(), audit.Hold{ID: id, Reason: "case"})
		require.Equal(t, "id", fieldOf(t, err), id)
		_, err = log.List(t.Context(), audit.Query{ID: id})
		require.Equal(t, "id", fieldOf(t, err), id)
		_, err = log.List(t.Context(), audit.Query{After: id})
		require.Equal(t, "after", fieldOf(t, err), id)
		_, err = log.ProveInclusion(t.Context(), audit.Ref{ID: id})
		require.ErrorIs(t, err, audit.ErrUnknownRecord, id)
	}
	nothing(t, log)
}

func TestABadHoldIsRefusedByNameAndNothingIsWritten(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{})
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		mutate func(h *audit.Hold)
		field  string
	}{
		{"no_reason", func(h *audit.Hold) { h.Reason = "" }, "reason"},
		{"a_reason_too_long", func(h *audit.Hold) { h.Reason = strings.Repeat("x", 1025) }, "reason"},
		{"a_reason_that_no_store_keeps", func(h *audit.Hold) { h.Reason = "a\x00" }, "reason"},
		{"a_tenant_that_is_no_text", func(h *audit.Hold) { h.Tenant = "\xff" }, "tenant"},
		{"a_tenant_beside_all", func(h *audit.Hold) { h.AllTenants = true }, "tenant"},
		{"no_time", func(h *audit.Hold) { h.From, h.To = at, at }, "to"},
		{"a_beginning_that_cannot_be_written", func(h *audit.Hold) { h.From = at.AddDate(-2027, 0, 0) }, "from"},
		{"an_end_that_cannot_be_written", func(h *audit.Hold) { h.To = at.AddDate(8000, 0, 0) }, "to"},
		{"a_time_that_ends_before_it_begins", func(h *audit.Hold) { h.From, h.To = at, at.Add(-time.Hour) }, "to"},
	} {
		h := audit.Hold{Tenant: "acme", Reason: "case 7"}
		c.mutate(&h)
		_, err := log.Hold(t.Context(), h)
		require.Equal(t, c.field, fieldOf(t, err), c.name)
	}
	held, err := log.Holds(t.Context())
	require.NoError(t, err)
	require.Empty(t, held)
	nothing(t, log)
}

func TestABadQueryIsRefusedByNameHoweverItIsAsked(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{})
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	long := strings.Repeat("x", 1025)
	for _, c := range []struct {
		q     audit.Query
		field string
	}{
		{audit.Query{Tenant: "a", AllTenants: true}, "tenant"},
		{audit.Query{Tenant: "\xff"}, "tenant"},
		{audit.Query{Limit: -1}, "limit"},
		{audit.Query{Limit: audit.MaxLimit + 1}, "limit"},
		{audit.Query{Target: audit.Target{ID: "x"}}, "target"},
		{audit.Query{Target: audit.Target{Type: long}}, "target"},
		{audit.Query{Target: audit.Target{Type: "x", ID: "a\x00"}}, "target"},
		{audit.Query{From: at, To: at.Add(-time.Microsecond)}, "to"},
		{audit.Query{From: at.AddDate(300_000, 0, 0)}, "from"},
		{audit.Query{To: at.AddDate(8000, 0, 0)}, "to"},
		{audit.Query{Actor: long}, "actor"},
		{audit.Query{Action: "a\x00*"}, "action"},
		{audit.Query{Text: "\xff"}, "text"},
		{audit.Query{Mentions: "\xff"}, "mentions"},
	} {
		_, err := log.List(t.Context(), c.q)
		require.Equal(t, c.field, fieldOf(t, err), "%+v", c.q)
		times := 0
		for _, err := range log.All(t.Context(), c.q) {
			require.Equal(t, c.field, fieldOf(t, err), "%+v", c.q)
			times++
		}
		require.Equal(t, 1, times, "and nothing comes after it")
		_, err = log.Redact(t.Context(), c.q, "why", func(*audit.Entry, string, string) bool { return true })
		require.Equal(t, c.field, fieldOf(t, err), "%+v", c.q)
	}
	_, err := log.Redact(t.Context(), audit.Query{AllTenants: true}, "why", nil)
	require.Equal(t, "tenant", fieldOf(t, err), "of one tenant at a time")
	nothing(t, log)
}

func TestABadViewerIsRefusedByName(t *testing.T) {
	t.Parallel()
	viewers, err := audit.NewViewers(bytes.Repeat([]byte("s"), 32))
	require.NoError(t, err)
	good := audit.Viewer{Tenant: "acme", Name: "auditor", Expires: time.Now().Add(time.Hour)}
	for _, c := range []struct {
		name   string
		mutate func(v *audit.Viewer)
		field  string
	}{
		{"no_tenant", func(v *audit.Viewer) { v.Tenant = "" }, "tenant"},
		{"a_tenant_that_would_become_another", func(v *audit.Viewer) { v.Tenant = "acme\xff" }, "tenant"},
		{"a_tenant_too_long", func(v *audit.Viewer) { v.Tenant = strings.Repeat("x", 1025) }, "tenant"},
		{"a_name_that_no_record_holds", func(v *audit.Viewer) { v.Name = strings.Repeat("x", 1018) }, "name"},
		{"no_end", func(v *audit.Viewer) { v.Expires = time.Time{} }, "expires"},
		{"an_end_that_cannot_be_written", func(v *audit.Viewer) { v.Expires = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC) }, "expires"},
	} {
		v := good
		c.mutate(&v)
		_, err := viewers.Issue(v)
		require.Equal(t, c.field, fieldOf(t, err), c.name)
	}
	good.Name = strings.Repeat("x", 1017)
	token, err := viewers.Issue(good)
	require.NoError(t, err)
	v, err := viewers.Parse(token, time.Now())
	require.NoError(t, err)
	log, _ := newLog(t, audit.Options{})
	_, err = log.Reader(v).Export(t.Context(), &bytes.Buffer{}, audit.ExportOptions{})
	require.NoError(t, err, "whoever has a token can export")
}

func TestAReaderReadsItsTenantByEveryWayAndNobodysNothing(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{})
	var ids []string
	for _, tenant := range []string{"acme", "other", ""} {
		id, err := log.Record(t.Context(), audit.Record{Tenant: tenant, Action: "a.b"})
		require.NoError(t, err)
		ids = append(ids, id)
	}
	r := log.Reader(audit.Viewer{Tenant: "acme"})
	require.Equal(t, "acme", r.Tenant())
	for _, q := range []audit.Query{{}, {Tenant: "other"}, {AllTenants: true}} {
		var got []string
		for e, err := range r.All(t.Context(), q) {
			require.NoError(t, err)
			got = append(got, e.ID)
		}
		require.Equal(t, ids[:1], got)
	}
	var b bytes.Buffer
	theirs := audit.Summary{Manifest: audit.Manifest{Query: audit.Query{Tenant: "other"}}}
	_, err := r.Export(t.Context(), &b, audit.ExportOptions{Resume: &audit.Resume{Summary: theirs}})
	require.ErrorIs(t, err, tenon.ErrDenied, "another tenant's export is not gone on with")

	nobody := log.Reader(audit.Viewer{})
	for _, err := range nobody.All(t.Context(), audit.Query{}) {
		require.ErrorIs(t, err, tenon.ErrDenied)
	}
	_, err = nobody.Get(t.Context(), ids[2])
	require.ErrorIs(t, err, tenon.ErrDenied, "the platform's own are not for whoever has no tenant")
	_, err = nobody.ProveInclusion(t.Context(), ids[2])
	require.ErrorIs(t, err, tenon.ErrDenied)
	_, err = nobody.Export(t.Context(), &b, audit.ExportOptions{})
	require.ErrorIs(t, err, tenon.ErrDenied)
	require.Zero(t, b.Len())
	told, err := log.List(t.Context(), audit.Query{AllTenants: true, Action: audit.ActionExported})
	require.NoError(t, err)
	require.Empty(t, told)
}
