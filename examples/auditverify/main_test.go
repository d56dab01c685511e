package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/audit"
)

// TestMain lets the test program stand in for the program itself.
func TestMain(m *testing.M) {
	if os.Getenv("AUDITVERIFY_TEST_MAIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

// check runs the program as an auditor does, with nothing of the service's around it.
func check(t *testing.T, stdin string, args ...string) (status int, out string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = []string{"AUDITVERIFY_TEST_MAIN=1"}
	cmd.Dir = t.TempDir()
	cmd.Stdin = strings.NewReader(stdin)
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	_ = cmd.Run() // the status tells
	return cmd.ProcessState.ExitCode(), b.String()
}

func signer(t *testing.T, seed string) *audit.Signer {
	t.Helper()
	s, err := audit.NewSigner("audit.example.com", []byte(strings.Repeat(seed, 32)))
	require.NoError(t, err)
	return s
}

func export(t *testing.T, format audit.Format) string {
	t.Helper()
	log := audit.NewLog(audit.NewMemoryStore(), &audit.Options{Signer: signer(t, "a")})
	for i := range 20 {
		_, err := log.Record(t.Context(), audit.Record{Tenant: "acme", Actor: fmt.Sprint("actor-", i), Action: "quote.sent"})
		require.NoError(t, err)
	}
	var b bytes.Buffer
	_, err := log.Export(t.Context(), &b, audit.ExportOptions{Query: audit.Query{Tenant: "acme"}, Format: format})
	require.NoError(t, err)
	return b.String()
}

func TestAnExportIsVerifiedOffline(t *testing.T) {
	t.Parallel()
	key := signer(t, "a").Verifier().String()
	for _, format := range []audit.Format{audit.JSONL, audit.CSV} {
		file := export(t, format)
		path := filepath.Join(t.TempDir(), "export")
		require.NoError(t, os.WriteFile(path, []byte(file), 0o600))
		status, out := check(t, "", "-checkpoint", key, path)
		require.Zero(t, status, out)
		require.Contains(t, out, "OK: 21 records of audit.example.com as of ")
		require.Contains(t, out, "— audit.example.com ")
		status, out = check(t, file, key)
		require.Zero(t, status, out)

		lines := strings.SplitAfter(file, "\n")
		for name, bad := range map[string]string{
			"changed":    strings.Replace(file, "actor-7", "actor-8", 1),
			"taken_out":  strings.Join(append(append([]string{}, lines[:9]...), lines[10:]...), ""),
			"cut_off":    strings.Join(lines[:9], ""),
			"swapped":    strings.Join(append(append([]string{}, lines[:8]...), append([]string{lines[9], lines[8]}, lines[10:]...)...), ""),
			"a_line_cut": file[:len(file)/2],
		} {
			status, out := check(t, bad, key)
			require.Equal(t, 1, status, "%s: %s", name, out)
			require.Contains(t, out, "TAMPERED: ", name)
		}
		status, out = check(t, file, signer(t, "b").Verifier().String())
		require.Equal(t, 1, status, "another key: %s", out)
	}
}

func TestWhatCannotBeToldIsNoVerdict(t *testing.T) {
	t.Parallel()
	key := signer(t, "a").Verifier().String()
	for _, args := range [][]string{{}, {"nonsense"}, {key, "nowhere"}, {key, "a", "b"}, {"-unknown"}} {
		status, out := check(t, "", args...)
		require.Equal(t, 2, status, out)
	}
}

func TestTheProgramIsShort(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("main.go")
	require.NoError(t, err)
	require.Less(t, bytes.Count(source, []byte("\n")), 80)
}
