package audit_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/audit"
)

func TestTextsOfAnyKindSurviveAnExport(t *testing.T) {
	t.Parallel()
	log, _ := newLog(t, audit.Options{})
	for _, text := range []string{"a\r\nb", "\r\n", "\r\r\n", "x\r", "\n", "'", "''x", "=1\r\n2", " x ", `"`, `\.`, ",", "\ufeffx", "\t\x01"} {
		r := audit.Record{Tenant: text, Action: text, Actor: text, Targets: []audit.Target{{Type: text, ID: text}}}
		_, err := log.Record(t.Context(), r)
		require.NoError(t, err)
	}
	for _, f := range formats {
		b := export(t, log, audit.ExportOptions{Query: audit.Query{AllTenants: true}, Format: f})
		_, err := audit.VerifyExport(bytes.NewReader(b), signer(t, "example.com/audit", 1).Verifier())
		require.NoError(t, err, f)
	}
}

func TestAFileThatCannotBeReadWasNotTamperedWith(t *testing.T) {
	t.Parallel()
	log := filled(t, 300)
	key := signer(t, "example.com/audit", 1).Verifier()
	for _, f := range formats {
		b := export(t, log, audit.ExportOptions{Query: audit.Query{AllTenants: true}, Format: f})
		for _, at := range []int{0, 10, len(b) / 2, len(b)} {
			r := func() io.Reader { return io.MultiReader(bytes.NewReader(b[:at]), iotest.ErrReader(errBroken)) }
			_, err := audit.VerifyExport(r(), key)
			require.ErrorIs(t, err, errBroken, "%s at %d", f, at)
			require.NotErrorIs(t, err, audit.ErrTampered, "%s at %d", f, at)
			_, _, err = audit.ReadExport(r())
			require.ErrorIs(t, err, errBroken, "%s at %d", f, at)
		}
	}
}

// endless gives one letter for ever, and counts.
type endless struct{ read int64 }

var letters = bytes.Repeat([]byte("x"), 64<<10)

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, letters)
	e.read += int64(n)
	return n, nil
}

func TestALineWithoutAnEndIsNotReadForEver(t *testing.T) {
	t.Parallel()
	rest := &endless{}
	_, err := audit.VerifyExport(io.MultiReader(strings.NewReader(`index,"`), rest), signer(t, "a", 1).Verifier())
	require.ErrorIs(t, err, audit.ErrTampered)
	require.Less(t, rest.read, int64(65<<20))
}

func TestALineThatIsNeitherARecordNorThePlaceOfOneIsFound(t *testing.T) {
	t.Parallel()
	key := signer(t, "example.com/audit", 1).Verifier()
	lines := bytes.SplitAfter(export(t, filled(t, 9), audit.ExportOptions{Query: audit.Query{AllTenants: true}}), []byte("\n"))
	var l exported
	require.NoError(t, json.Unmarshal(lines[2], &l))
	leaf, err := l.Record.Leaf()
	require.NoError(t, err)
	place := &audit.Ref{Tenant: l.Record.Tenant, ID: l.Record.ID}
	for name, odd := range map[string]exported{
		"neither":         {Index: l.Index, Path: l.Path},
		"both":            {Index: l.Index, Path: l.Path, Record: l.Record, Absent: place, Leaf: &leaf},
		"a_place_alone":   {Index: l.Index, Path: l.Path, Absent: place},
		"a_leaf_beside":   {Index: l.Index, Path: l.Path, Record: l.Record, Leaf: &leaf},
		"another_s_place": {Index: l.Index + 1, Path: l.Path, Record: l.Record},
		"before_the_log":  {Index: -1, Path: l.Path, Record: l.Record},
	} {
		text, err := audit.JSON(odd)
		require.NoError(t, err)
		lines[2] = append(text, '\n')
		_, err = audit.VerifyExport(bytes.NewReader(bytes.Join(lines, nil)), key)
		require.ErrorIs(t, err, audit.ErrTampered, name)
	}
}

func TestASignatureThatWasCutIsFound(t *testing.T) {
	t.Parallel()
	key := signer(t, "example.com/audit", 1).Verifier()
	b := export(t, filled(t, 3), audit.ExportOptions{Query: audit.Query{AllTenants: true}})
	begin, rest, _ := bytes.Cut(b, []byte("\n"))
	for _, cut := range []int{1, 5, 9, 40, 200} {
		var m audit.Manifest
		require.NoError(t, json.Unmarshal(begin, &m))
		m.Checkpoint = m.Checkpoint[:max(len(m.Checkpoint)-cut-1, 0)] + "\n"
		text, err := audit.JSON(m)
		require.NoError(t, err)
		_, err = audit.VerifyExport(io.MultiReader(bytes.NewReader(append(text, '\n')), bytes.NewReader(rest)), key)
		require.ErrorIs(t, err, audit.ErrTampered, "without the last %d letters", cut)
	}
}

// ending is the last line of an export.
type ending struct {
	End struct {
		Records int64      `json:"records"`
		Chain   audit.Hash `json:"chain"`
		Note    string     `json:"note"`
	} `json:"end"`
}

func TestTheEndOfAnotherExportDoesNotEndThisOne(t *testing.T) {
	t.Parallel()
	log := filled(t, 9)
	s := signer(t, "example.com/audit", 1)
	last := func(b []byte) (lines [][]byte, end ending) {
		lines = bytes.SplitAfter(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
		require.NoError(t, json.Unmarshal(lines[len(lines)-1], &end))
		return lines, end
	}
	_, others := last(export(t, log, audit.ExportOptions{Query: audit.Query{Tenant: "other"}}))
	lines, end := last(export(t, log, audit.ExportOptions{Query: audit.Query{Tenant: "acme"}}))
	_, err := audit.ParseCheckpoint([]byte(end.End.Note), s.Verifier())
	require.ErrorIs(t, err, tenon.ErrInvalid, "what was signed as an end is no checkpoint")
	end.End.Note = others.End.Note
	text, err := audit.JSON(end)
	require.NoError(t, err)
	lines[len(lines)-1] = append(text, '\n')
	_, err = audit.VerifyExport(bytes.NewReader(bytes.Join(lines, nil)), s.Verifier())
	require.ErrorIs(t, err, audit.ErrTampered)
	require.ErrorContains(t, err, "signed for another export")
}

func TestACSVThatTwoReadersReadDifferentlyIsFound(t *testing.T) {
	t.Parallel()
	key := signer(t, "example.com/audit", 1).Verifier()
	b := export(t, filled(t, 9), audit.ExportOptions{Query: audit.Query{AllTenants: true}, Format: audit.CSV})
	rewritten := func(change func(rows [][]string)) error {
		rows, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
		require.NoError(t, err)
		change(rows)
		var w bytes.Buffer
		require.NoError(t, csv.NewWriter(&w).WriteAll(rows))
		_, err = audit.VerifyExport(&w, key)
		return err
	}
	require.NoError(t, rewritten(func([][]string) {}))
	for name, change := range map[string]func(rows [][]string){
		"another_name_of_a_column":   func(rows [][]string) { rows[0][4] = "approved_by" },
		"a_cell_beside_the_manifest": func(rows [][]string) { rows[1][20] = "x" },
		"a_cell_beside_the_end":      func(rows [][]string) { rows[len(rows)-1][2] = "x" },
		"an_apostrophe_too_many":     func(rows [][]string) { rows[2][6] = "'" + rows[2][6] },
		"an_apostrophe_too_few":      func(rows [][]string) { rows[3][4] = strings.TrimPrefix(rows[3][4], "'") },
		"a_place_that_is_no_number":  func(rows [][]string) { rows[2][0] = "first" },
		"a_place_with_a_sign":        func(rows [][]string) { rows[2][0] = "'+" + rows[2][0] },
		"a_time_that_is_none":        func(rows [][]string) { rows[2][3] = "yesterday" },
		"a_seed_that_is_none":        func(rows [][]string) { rows[2][15] = "?" },
		"targets_that_are_none":      func(rows [][]string) { rows[2][8] = "{" },
		"a_proof_that_is_none":       func(rows [][]string) { rows[2][19] = "x" },
		"a_leaf_beside_a_record":     func(rows [][]string) { rows[2][20] = audit.Hash{1}.String() },
		"a_second_manifest":          func(rows [][]string) { rows[2] = rows[1] },
		"no_manifest":                func(rows [][]string) { rows[1] = rows[2] },
	} {
		require.ErrorIs(t, rewritten(change), audit.ErrTampered, name)
	}
}
