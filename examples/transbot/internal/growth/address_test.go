package growth_test

import (
	"net/mail"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/examples/transbot/internal/growth"
)

func TestParseAddress(t *testing.T) {
	t.Parallel()
	for typed, kept := range map[string]string{
		"ann@acme.example":               "ann@acme.example",
		"  Ann.B+lanes@ACME.Example ":    "Ann.B+lanes@acme.example",
		"o'brien@xn--mnchen-3ya.example": "o'brien@xn--mnchen-3ya.example",
		"a@b.c":                          "a@b.c",
		strings.Repeat("a", 64) + "@" + strings.Repeat("b", 63) + ".example": strings.Repeat("a", 64) + "@" + strings.Repeat("b", 63) + ".example",
	} {
		got, err := growth.ParseAddress(typed)
		require.NoError(t, err, typed)
		require.Equal(t, kept, got)
	}
}

func TestMailbox(t *testing.T) {
	t.Parallel()
	for address, mailbox := range map[string]string{
		"ann@acme.example": "ann@acme.example", "ann+a+b@acme.example": "ann@acme.example", "+ann@acme.example": "+ann@acme.example",
	} {
		require.Equal(t, mailbox, growth.Mailbox(address))
	}
}

var hostile = []string{
	"", " ", "@", "a@", "@b.example", "a", "a@b", "a@b.example.", "a@.example", "a@b..example", "a..b@c.example", ".a@b.example",
	"a@-b.example", "a@b-.example", "a@b_c.example", "a@[127.0.0.1]", "a@127.0.0.1", "a@b.123", "a b@c.example", `"a b"@c.example`, `"ab"@c.example`,
	"Ann <a@b.example>", "<a@b.example>", "a@b.example, c@d.example", "a@b.example (Ann)", "a@b@c.example",
	"a@b.example\r\nBcc: all@c.example", "a@b.example\n", "\ta@b.example", "a\x00@b.example", "a@b.example\x7f",
	"änn@acme.example", "ann@münchen.example", "ann@аcme.example", "ann@acme\u202e.example", "ann@acme\uff0eexample", "ann@acme.example\xff",
	strings.Repeat("a", 65) + "@b.example", "a@" + strings.Repeat("b", 64) + ".example", "a@" + strings.Repeat("b.", 130) + "example",
}

func TestParseAddressRefuses(t *testing.T) {
	t.Parallel()
	for _, typed := range hostile {
		_, err := growth.ParseAddress(typed)
		var field *tenon.FieldError
		require.ErrorAs(t, err, &field, "%q", typed)
		require.Equal(t, "email", field.Field)
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, typed := range append(hostile, "Ann+x@ACME.example") {
		f.Add(typed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		kept, err := growth.ParseAddress(typed)
		if err != nil {
			require.ErrorIs(t, err, tenon.ErrInvalid)
			return
		}
		again, err := growth.ParseAddress(kept)
		require.NoError(t, err)
		require.Equal(t, kept, again, "what is kept stays as it is")
		require.True(t, strings.EqualFold(strings.Trim(typed, " "), kept))
		m, err := mail.ReadMessage(strings.NewReader(string(growth.Mail{To: kept, Subject: "x", Text: "x\n"}.Bytes())))
		require.NoError(t, err)
		to, err := m.Header.AddressList("To")
		require.NoError(t, err)
		require.Equal(t, []*mail.Address{{Address: kept}}, to, "it is the only one to whom a mail goes")
	})
}
