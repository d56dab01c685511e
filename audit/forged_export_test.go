package audit_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/audit"
)

// exported is a line of an export with a record, as somebody who hands the export on could rewrite it.
type exported struct {
	Index  int64        `json:"index"`
	Record *audit.Entry `json:"record,omitempty"`
	Path   []audit.Hash `json:"path"`
	Absent *audit.Ref   `json:"absent,omitempty"`
	Leaf   *audit.Hash  `json:"leaf,omitempty"`
}

func TestWhoeverHandsAnExportOnCannotMakeRecordsSayLess(t *testing.T) {
	t.Parallel()
	key := signer(t, "example.com/audit", 1).Verifier()
	b := export(t, filled(t, 9), audit.ExportOptions{Query: audit.Query{AllTenants: true}})
	for name, forge := range map[string]func(l *exported){
		"gone": func(l *exported) {
			leaf, err := l.Record.Leaf()
			require.NoError(t, err)
			l.Absent, l.Leaf, l.Record = &audit.Ref{Tenant: l.Record.Tenant, ID: l.Record.ID}, &leaf, nil
		},
		"redacted": func(l *exported) {
			n, err := l.Record.Redact("01938a00-0000-7000-8000-00000000000f", func(path, _ string) bool { return path == "actor" })
			require.NoError(t, err)
			require.Equal(t, 1, n)
		},
	} {
		lines := bytes.SplitAfter(b, []byte("\n"))
		var l exported
		require.NoError(t, json.Unmarshal(lines[2], &l))
		forge(&l)
		text, err := audit.JSON(l)
		require.NoError(t, err)
		lines[2] = append(text, '\n')
		_, err = audit.VerifyExport(bytes.NewReader(bytes.Join(lines, nil)), key)
		require.ErrorIs(t, err, audit.ErrTampered, name)
	}
}

func TestALineThatTwoReadersReadDifferentlyIsFound(t *testing.T) {
	t.Parallel()
	key := signer(t, "example.com/audit", 1).Verifier()
	b := export(t, filled(t, 3), audit.ExportOptions{Query: audit.Query{AllTenants: true}})
	for name, change := range map[string][2]string{
		"a member twice":        {`"actor":`, `"actor":"mallory","actor":`},
		"a member in capitals":  {`"actor":`, `"ACTOR":"mallory","actor":`},
		"a member that is none": {`"actor":`, `"note":"mallory","actor":`},
		"an end that says more": {`"end":{`, `"end":{"records":1,`},
	} {
		changed := bytes.Replace(b, []byte(change[0]), []byte(change[1]), 1)
		require.NotEqual(t, b, changed, name)
		_, err := audit.VerifyExport(bytes.NewReader(changed), key)
		require.ErrorIs(t, err, audit.ErrTampered, name)
	}
}
