package growth

import (
	"bytes"
	"context"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"strings"
	"time"
)

// Mail is a mail to somebody.
type Mail struct {
	Lead    string // whom it is to
	Number  int    // of the lead's mails, from 1: the same one may be sent again
	To      string // as ParseAddress gives it
	Subject string
	Text    string // lines end in \n
	At      time.Time
}

// Mailer sends mails. Send returns when the mail is safe with whoever delivers it. It may be called again with the same
// lead and number, after an error or the death of the process; a later one takes the place of the former where it can.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

// sender is the address that mails come from, under a domain that nobody has (RFC 2606).
const sender = "no-reply@transbot.example"

// Bytes returns the mail as it is sent: headers and text as RFC 5322 wants them, lines ending in CRLF.
func (m Mail) Bytes() []byte {
	text, encoding := m.Text, "7bit"
	if !plain(text) {
		text, encoding = quoted(text), "quoted-printable"
	}
	var b bytes.Buffer
	for _, h := range [...]struct{ name, value string }{
		{"From", "Trans Bot <" + sender + ">"},
		{"To", "<" + m.To + ">"},
		{"Subject", mime.QEncoding.Encode("utf-8", m.Subject)},
		{"Date", m.At.UTC().Format(time.RFC1123Z)},
		{"Message-ID", fmt.Sprintf("<%s.%d@transbot.example>", m.Lead, m.Number)},
		{"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", encoding},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", h.name, h.value)
	}
	b.WriteString("\r\n" + strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", "\r\n"))
	return b.Bytes()
}

// maxLine bounds a line in bytes (RFC 5322, section 2.1.1).
const maxLine = 998

// plain says whether a text can be sent as it is.
func plain(s string) bool {
	for line := range strings.SplitSeq(s, "\n") {
		if len(line) > maxLine || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r > '~' }) {
			return false
		}
	}
	return true
}

func quoted(s string) string {
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(s)) // a strings.Builder takes everything
	_ = w.Close()
	return b.String()
}
