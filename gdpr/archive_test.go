package gdpr_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
)

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// archive packs files of so many lines.
func archive(t *testing.T, lines ...int) ([]byte, gdpr.Manifest) {
	t.Helper()
	var out bytes.Buffer
	a := gdpr.NewArchive(&out, gdpr.Manifest{Tenant: "acme", At: noon})
	source := rand.New(rand.NewPCG(1, 2))
	for i, n := range lines {
		name := fmt.Sprintf("about/public.t%d.jsonl", i)
		require.NoError(t, a.Create(gdpr.Entry{Name: name, Table: fmt.Sprintf("public.t%d", i), Part: gdpr.PartAbout}))
		for range n {
			line := fmt.Sprintf("{\"n\":%d,\"s\":%q}\n", source.Int64(), strings.Repeat("x", source.IntN(300)))
			require.NoError(t, a.Write([]byte(line), 1))
		}
	}
	require.NoError(t, a.Document("schema.json", map[string]string{"a": "b"}))
	m, err := a.Close()
	require.NoError(t, err)
	return out.Bytes(), m
}

func TestAnArchiveReadsAsItWasWritten(t *testing.T) {
	t.Parallel()
	body, m := archive(t, 0, 1, 20_000)
	got, err := gdpr.ReadArchive(bytes.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	require.Equal(t, m, *got)
	require.EqualValues(t, 20_000, got.Rows("public.t2", gdpr.PartAbout))
	require.Zero(t, got.Rows("public.t2", gdpr.PartProvided))
}

func TestAChangedArchiveIsTold(t *testing.T) {
	t.Parallel()
	body, _ := archive(t, 3, 50)
	told := 0
	for i := 0; i < len(body); i += 7 {
		changed := bytes.Clone(body)
		changed[i] ^= 0x10
		if _, err := gdpr.ReadArchive(bytes.NewReader(changed), int64(len(changed))); err != nil {
			require.ErrorIs(t, err, tenon.ErrInvalid)
			told++
		}
	}
	require.Greater(t, told, len(body)/7*3/4, "but for times and flags in the zip's own headers")
	_, err := gdpr.ReadArchive(bytes.NewReader(nil), 0)
	require.ErrorIs(t, err, gdpr.ErrArchive)
}

// and returns the archive with one file more.
func and(t *testing.T, body []byte, name string) []byte {
	t.Helper()
	old, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	require.NoError(t, err)
	var out bytes.Buffer
	made := zip.NewWriter(&out)
	for _, f := range old.File {
		require.NoError(t, made.Copy(f))
	}
	w, err := made.Create(name)
	require.NoError(t, err)
	_, err = io.WriteString(w, "more")
	require.NoError(t, err)
	require.NoError(t, made.Close())
	return out.Bytes()
}

func TestAnArchiveHoldsNothingButWhatItsManifestNames(t *testing.T) {
	t.Parallel()
	body, m := archive(t, 3)
	for name, says := range map[string]string{"about/more.jsonl": "does not name", m.Files[0].Name: "twice", "manifest.json": "twice"} {
		more := and(t, body, name)
		_, err := gdpr.ReadArchive(bytes.NewReader(more), int64(len(more)))
		require.ErrorIs(t, err, gdpr.ErrArchive, name)
		require.ErrorContains(t, err, says, name)
	}
}

func TestAFolderTakesNoNameThatLeadsOutOfIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := gdpr.NewDirFiles(filepath.Join(dir, "files"))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "files"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.zip"), nil, 0o600))
	for _, id := range []string{"", ".", "..", "../a", "/a", `..\a`, "b/../../a", ".part-1"} {
		k := gdpr.Key{Tenant: "acme", ID: id}
		_, openErr := files.Open(t.Context(), k)
		for _, err := range []error{files.Put(t.Context(), k, strings.NewReader("x")), openErr, files.Remove(t.Context(), k)} {
			var wrong *tenon.FieldError
			require.ErrorAs(t, err, &wrong, id)
			require.Equal(t, "id", wrong.Field)
		}
	}
	require.FileExists(t, filepath.Join(dir, "a.zip"))
}

func TestANameThatIsTakenGetsANumber(t *testing.T) {
	t.Parallel()
	a := gdpr.NewArchive(io.Discard, gdpr.Manifest{})
	for range 3 {
		require.NoError(t, a.Create(gdpr.Entry{Name: "a"}))
	}
	m, err := a.Close()
	require.NoError(t, err)
	require.Equal(t, []string{"a", "a-2", "a-3"}, []string{m.Files[0].Name, m.Files[1].Name, m.Files[2].Name})
}

// full is a disk that takes so many bytes.
type full struct{ left int }

func (f *full) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}

func TestAFullDiskIsToldAndNothingHangs(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 64<<10)
	_, _ = rand.NewChaCha8([32]byte{2}).Read(noise)
	for _, left := range []int{0, 100, 300_000, 2_000_000} {
		a := gdpr.NewArchive(&full{left}, gdpr.Manifest{})
		require.NoError(t, a.Create(gdpr.Entry{Name: "a"}))
		var err error
		for range 64 {
			if err = a.Write(noise, 0); err != nil {
				break
			}
		}
		if err == nil {
			_, err = a.Close()
		}
		a.Abort()
		require.ErrorIs(t, err, io.ErrShortWrite)
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		got, err := time.Parse(time.RFC3339, s)
		require.NoError(t, err)
		return got
	}
	for _, c := range []struct {
		received, due string
		months        int
	}{
		{"2026-01-31T23:59:59Z", "2026-02-28T23:59:59Z", 1},
		{"2028-01-31T00:00:00Z", "2028-02-29T00:00:00Z", 1},
		{"2026-02-28T10:00:00Z", "2026-03-28T10:00:00Z", 1},
		{"2026-11-30T10:00:00Z", "2027-02-28T10:00:00Z", 3},
		{"2026-12-31T10:00:00+02:00", "2027-03-31T08:00:00Z", 3},
		{"2026-10-15T10:00:00Z", "2026-11-15T10:00:00Z", 1},
	} {
		require.Equal(t, at(c.due).UTC(), gdpr.Due(at(c.received), c.months), c.received)
	}
}

func TestASecretDoesNotShow(t *testing.T) {
	t.Parallel()
	s := gdpr.NewSecret("hunter2")
	text, err := s.MarshalText()
	require.NoError(t, err)
	shown := fmt.Sprintf("%v %+v %#v %s %s", s, &gdpr.Options{Links: []gdpr.Secret{s}}, s, text, s.LogValue())
	require.NotContains(t, shown, "hunter2")
}
