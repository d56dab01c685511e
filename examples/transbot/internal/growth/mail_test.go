package growth_test

import (
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/growth"
)

var at = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

func letter(number int) growth.Mail {
	return growth.Mail{
		Lead: tenon.NewID(at), Number: number, To: "ann@acme.example", Subject: "Hello", Text: "one\n\ntwo\n", At: at,
	}
}

func TestAMailIsWellFormed(t *testing.T) {
	t.Parallel()
	m := letter(2)
	b := string(m.Bytes())
	require.Equal(t, strings.Count(b, "\n"), strings.Count(b, "\r\n"), "each line ends as it must")
	read, err := mail.ReadMessage(strings.NewReader(b))
	require.NoError(t, err)
	for name, want := range map[string]string{
		"To": "<ann@acme.example>", "Subject": "Hello", "Message-Id": "<" + m.Lead + ".2@transbot.example>", "Auto-Submitted": "auto-generated",
		"Content-Type": "text/plain; charset=utf-8", "Content-Transfer-Encoding": "7bit",
	} {
		require.Equal(t, want, read.Header.Get(name))
	}
	sent, err := read.Header.Date()
	require.NoError(t, err)
	require.True(t, sent.Equal(at))
	_, err = read.Header.AddressList("From")
	require.NoError(t, err)
	text, err := io.ReadAll(read.Body)
	require.NoError(t, err)
	require.Equal(t, "one\r\n\r\ntwo\r\n", string(text))
}

func TestAMailInOtherLetters(t *testing.T) {
	t.Parallel()
	m := letter(1)
	m.Subject, m.Text = "Grüße\r\nBcc: all@acme.example", "Grüße = gut\n"+strings.Repeat("x", 2000)+"\n"
	read, err := mail.ReadMessage(strings.NewReader(string(m.Bytes())))
	require.NoError(t, err)
	require.Empty(t, read.Header.Get("Bcc"))
	subject, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject"))
	require.NoError(t, err)
	require.Equal(t, m.Subject, subject)
	text, err := io.ReadAll(quotedprintable.NewReader(read.Body))
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(m.Text, "\n", "\r\n"), string(text))
	for line := range strings.SplitSeq(string(m.Bytes()), "\r\n") {
		require.LessOrEqual(t, len(line), 998)
	}
}

func TestFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "mail")
	f := growth.NewFolder(dir)
	names, err := f.Names()
	require.NoError(t, err, "before the first mail")
	require.Empty(t, names)
	require.NoError(t, f.Prune(at))

	m, other := letter(9), letter(1)
	for _, number := range []int{9, 10, 10} { // the same one again
		m.Number = number
		require.NoError(t, f.Send(t.Context(), m))
	}
	require.NoError(t, f.Send(t.Context(), other))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600))
	names, err = f.Names()
	require.NoError(t, err)
	require.Equal(t, []string{m.Lead + "-10.eml", m.Lead + "-9.eml"}, names[m.Lead], "the newest first")
	info, err := os.Stat(filepath.Join(dir, names[m.Lead][0]))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	got, err := f.Read(names[m.Lead][0])
	require.NoError(t, err)
	require.Equal(t, m.Bytes(), got)
	for _, name := range []string{"notes.txt", "../mail/" + names[m.Lead][0], "", m.Lead + "-11.eml"} {
		_, err := f.Read(name)
		require.ErrorIs(t, err, tenon.ErrNotFound, name)
	}

	require.NoError(t, f.Forget(m.Lead))
	require.NoError(t, f.Forget(m.Lead), "again")
	names, err = f.Names()
	require.NoError(t, err)
	require.Len(t, names, 1)
	require.NoError(t, f.Prune(time.Now().Add(time.Hour)))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "what is not ours stays")
}
