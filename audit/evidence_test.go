package audit_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

// filled returns a log of n records, in which one person is erased.
func filled(t *testing.T, n int) *audit.Log {
	t.Helper()
	log, _ := newLog(t, audit.Options{})
	for i := range n {
		actor := []string{"ann@acme.test", "=cmd|'/C calc'!A0", "zoe@acme.test"}[i%3]
		_, err := log.Record(t.Context(), audit.Record{
			Tenant: []string{"acme", "other"}[i%2], Actor: actor, Action: "quote.accepted",
			Targets: []audit.Target{{Type: "quote", ID: fmt.Sprint("-", i)}}, Payload: json.RawMessage("{\"n\":" + fmt.Sprint(i) + ",\n\"t\":\"'\\\"\\r\\n,é\"}"),
		})
		require.NoError(t, err)
	}
	_, err := log.Erase(t.Context(), tenon.Subject{Tenant: "acme", User: "zoe@acme.test"})
	require.NoError(t, err)
	return log
}

func export(t *testing.T, log *audit.Log, o audit.ExportOptions) []byte {
	t.Helper()
	var b bytes.Buffer
	_, err := log.Export(t.Context(), &b, o)
	require.NoError(t, err)
	return b.Bytes()
}

var formats = []audit.Format{audit.JSONL, audit.CSV}

func TestAnExportIsVerifiedFromItselfAlone(t *testing.T) {
	t.Parallel()
	log := filled(t, 300)
	key := signer(t, "example.com/audit", 1).Verifier()
	for _, f := range formats {
		for _, c := range []struct {
			q    audit.Query
			want int64
		}{{audit.Query{AllTenants: true}, 301}, {audit.Query{Tenant: "acme"}, 151}, {audit.Query{Tenant: "acme", Actor: "ann@acme.test"}, 50}, {audit.Query{Tenant: "nobody"}, 0}} {
			b := export(t, log, audit.ExportOptions{Query: c.q, Format: f})
			s, err := audit.VerifyExport(bytes.NewReader(b), key)
			require.NoError(t, err)
			require.GreaterOrEqual(t, s.Records, c.want)
			require.Equal(t, "example.com/audit", s.Origin)
			_, err = audit.VerifyExport(bytes.NewReader(b), signer(t, "example.com/audit", 2).Verifier())
			require.ErrorIs(t, err, audit.ErrTampered, "a checkpoint signed by another key")
		}
	}
	told, err := log.List(t.Context(), audit.Query{Tenant: "acme", Action: audit.ActionExported})
	require.NoError(t, err)
	require.Len(t, told, 4, "each export is recorded")
	_, err = log.Export(t.Context(), &bytes.Buffer{}, audit.ExportOptions{Format: "xml"})
	require.ErrorIs(t, err, tenon.ErrInvalid)
}

func TestAnyChangeOfAnExportIsFound(t *testing.T) {
	t.Parallel()
	log := filled(t, 8)
	key := signer(t, "example.com/audit", 1).Verifier()
	for _, f := range formats {
		b := export(t, log, audit.ExportOptions{Query: audit.Query{AllTenants: true}, Format: f})
		whole, err := audit.VerifyExport(bytes.NewReader(b), key)
		require.NoError(t, err)
		lines := bytes.SplitAfter(b, []byte("\n"))
		lines = lines[:len(lines)-1]
		for i := range lines {
			without := bytes.Join(append(append([][]byte{}, lines[:i]...), lines[i+1:]...), nil)
			if f == audit.CSV && i == 0 {
				continue // the names of the columns
			}
			_, err := audit.VerifyExport(bytes.NewReader(without), key)
			require.Error(t, err, "%s without line %d", f, i)
			_, err = audit.VerifyExport(bytes.NewReader(bytes.Join(append(append([][]byte{}, lines[:i+1]...), lines[i:]...), nil)), key)
			require.Error(t, err, "%s with line %d twice", f, i)
		}
		for cut := 0; cut < len(b)-1; cut += 1 + len(b)/150 { // without its last newline a CSV is whole
			_, err := audit.VerifyExport(bytes.NewReader(b[:cut]), key)
			require.Error(t, err, "%s cut at %d", f, cut)
		}
		step := 1 + len(b)/300
		if os.Getenv("TENON_SOAK") != "" {
			step = 1
		}
		for i := len(b) % step; i < len(b); i += step {
			changed := bytes.Clone(b)
			changed[i] ^= 1
			s, err := audit.VerifyExport(bytes.NewReader(changed), key)
			if err == nil { // a change that changes no meaning: white space, the names of columns, the case of a member
				require.Equal(t, whole.Chain, s.Chain, "%s byte %d", f, i)
			}
		}
	}
}

// broken is a writer that ends in the middle.
type broken struct {
	bytes.Buffer
	left int
}

var errBroken = errors.New("broken")

func (b *broken) Write(p []byte) (int, error) {
	n, _ := b.Buffer.Write(p[:min(len(p), b.left)])
	b.left -= n
	if n < len(p) {
		return n, errBroken
	}
	return n, nil
}

func TestAnExportThatWasBrokenOffIsGoneOnWith(t *testing.T) {
	t.Parallel()
	log := filled(t, 800)
	key := signer(t, "example.com/audit", 1).Verifier()
	for _, f := range formats {
		o := audit.ExportOptions{Query: audit.Query{Tenant: "acme"}, Format: f}
		whole := export(t, log, o)
		for _, at := range []int{len(whole) / 7, len(whole) / 2, len(whole) - 900, len(whole) - 3} {
			w := &broken{left: at}
			_, err := log.Export(t.Context(), w, o)
			require.ErrorIs(t, err, errBroken)
			resume, good, err := audit.ReadExport(bytes.NewReader(w.Bytes()))
			require.NoError(t, err, "%s at %d", f, at)
			require.LessOrEqual(t, good, int64(at))
			w.Truncate(int(good))
			rest := export(t, log, audit.ExportOptions{Resume: resume})
			if f == audit.CSV {
				_, err = csv.NewReader(bytes.NewReader(rest)).ReadAll()
				require.NoError(t, err)
			}
			s, err := audit.VerifyExport(strings.NewReader(w.String()+string(rest)), key)
			require.NoError(t, err, "%s at %d", f, at)
			require.GreaterOrEqual(t, s.Records, int64(400))
		}
		_, _, err := audit.ReadExport(bytes.NewReader(whole))
		require.ErrorIs(t, err, tenon.ErrInvalid)
	}
	_, _, err := audit.ReadExport(strings.NewReader(""))
	require.ErrorIs(t, err, tenon.ErrInvalid)
}

func TestNoCellOfACSVExportIsAFormula(t *testing.T) {
	t.Parallel()
	rows, err := csv.NewReader(bytes.NewReader(export(t, filled(t, 30), audit.ExportOptions{Query: audit.Query{AllTenants: true}, Format: audit.CSV}))).ReadAll()
	require.NoError(t, err)
	for _, row := range rows {
		for _, cell := range row {
			require.False(t, cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])), cell)
		}
	}
}

func TestAProofOfARecordIsCheckedWithoutTheLog(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{})
	id, err := log.Record(t.Context(), audit.Record{Tenant: "acme", Action: "a.b", Payload: json.RawMessage(`{"n":1}`)})
	require.NoError(t, err)
	ref := audit.Ref{Tenant: "acme", ID: id}
	_, err = log.ProveInclusion(t.Context(), ref)
	require.ErrorIs(t, err, audit.ErrNotSealed)
	_, err = log.ProveInclusion(t.Context(), audit.Ref{Tenant: "acme", ID: "x"})
	require.ErrorIs(t, err, audit.ErrUnknownRecord)
	first, err := log.Checkpoint(t.Context())
	require.NoError(t, err)
	for range 300 {
		_, err := log.Record(t.Context(), audit.Record{Tenant: "acme", Action: "a.b"})
		require.NoError(t, err)
	}
	last, err := log.Checkpoint(t.Context())
	require.NoError(t, err)
	proof, err := log.ProveInclusion(t.Context(), ref)
	require.NoError(t, err)
	e, err := log.Get(t.Context(), ref)
	require.NoError(t, err)
	v := signer(t, "example.com/audit", 1).Verifier()
	require.NoError(t, proof.Check(&e, v))
	e.Actor = "mallory"
	require.ErrorIs(t, proof.Check(&e, v), audit.ErrTampered)
	grown, err := log.ProveConsistency(t.Context(), first.Size, last.Size)
	require.NoError(t, err)
	require.NoError(t, grown.Check(first.Root, last.Root))
	_, err = log.ProveConsistency(t.Context(), 5, 1000)
	require.ErrorIs(t, err, audit.ErrNotSealed)
	report, err := log.Verify(t.Context(), first, last)
	require.NoError(t, err)
	require.NoError(t, report.Err())
	require.EqualValues(t, 4, report.Checkpoints, "two of them stored, and the same two anchored")
}

func TestANumberThatIsThePersonsIdIsErasedFromMembersThatAreSaidToBePersonal(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{Personal: []string{"user_id"}})
	id, err := log.Record(t.Context(), audit.Record{
		Tenant: "acme", Action: "UPDATE", Payload: json.RawMessage(`{"after":{"user_id":12300,"price":12300,"other":{"user_id":7}}}`),
	})
	require.NoError(t, err)
	_, err = log.Erase(t.Context(), tenon.Subject{Tenant: "acme", User: "12300"})
	require.NoError(t, err)
	e, err := log.Get(t.Context(), audit.Ref{Tenant: "acme", ID: id})
	require.NoError(t, err)
	require.JSONEq(t, `{"after":{"user_id":null,"price":12300,"other":{"user_id":7}}}`, string(e.Payload))
}

func TestAPersonsIDIsErasedFromTextsWhateverStandsAroundIt(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{})
	payload, err := audit.JSON(map[string][]string{
		"names": {
			"asked by “ann@acme.test”, twice", "ann@acme.test—late", "…ann@acme.test…", "from\u00a0ann@acme.test",
			"joann@acme.test (ann@acme.test)",
		},
		"others": {"joann@acme.test", "ann@acme.tests", "éann@acme.test", "ann@acme.test_2", "e\u0301ann@acme.test"},
	})
	require.NoError(t, err)
	id, err := log.Record(t.Context(), audit.Record{Tenant: "acme", Action: "a.b", Payload: payload})
	require.NoError(t, err)
	_, err = log.Erase(t.Context(), tenon.Subject{Tenant: "acme", User: "ann@acme.test"})
	require.NoError(t, err)
	e, err := log.Get(t.Context(), audit.Ref{Tenant: "acme", ID: id})
	require.NoError(t, err)
	var left map[string][]*string
	require.NoError(t, json.Unmarshal(e.Payload, &left))
	require.Equal(t, make([]*string, 5), left["names"], "all of them")
	require.NotContains(t, left["others"], (*string)(nil), "and nobody else")
}

// restless is a store whose every page has to start over once.
type restless struct{ *audit.MemoryStore }

func (s restless) Redact(
	ctx context.Context, q audit.Query, f func([]audit.Entry) (changed, records []audit.Entry, err error),
) error {
	return s.MemoryStore.Redact(ctx, q, func(page []audit.Entry) (changed, records []audit.Entry, err error) {
		if _, _, err = f(page); err != nil {
			return nil, nil, err
		}
		return f(page)
	})
}

func TestAnErasureThatHasToStartOverCountsEachRecordOnce(t *testing.T) {
	t.Parallel()
	log, store := newLog(t, audit.Options{})
	for range 1100 { // three pages
		_, err := log.Record(t.Context(), audit.Record{Tenant: "acme", Actor: "ann@acme.test", Action: "a.b"})
		require.NoError(t, err)
	}
	n, err := log.WithStore(restless{store}).Erase(t.Context(), tenon.Subject{Tenant: "acme", User: "ann@acme.test"})
	require.NoError(t, err)
	require.EqualValues(t, 1100, n["tenon.audit_log"])
}
