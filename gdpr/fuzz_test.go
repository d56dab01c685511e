package gdpr_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
)

func FuzzReadArchive(f *testing.F) {
	var out bytes.Buffer
	a := gdpr.NewArchive(&out, gdpr.Manifest{Tenant: "acme", At: noon})
	if err := a.Create(gdpr.Entry{Name: "about/t.jsonl", Table: "t", Part: gdpr.PartAbout}); err != nil {
		f.Fatal(err)
	}
	if err := a.Write([]byte("{}\n"), 1); err != nil {
		f.Fatal(err)
	}
	if _, err := a.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := gdpr.ReadArchive(bytes.NewReader(body), int64(len(body))); err != nil && !errors.Is(err, tenon.ErrInvalid) {
			t.Fatal(err)
		}
	})
}

func FuzzFollow(f *testing.F) {
	f.Add("")
	f.Add("eyJ0IjoiYWNtZSIsInIiOiIxIiwidSI6OTk5OTk5OTk5OX0.AAAA")
	f.Add(".")
	desk := gdpr.NewDesk(gdpr.NewMemoryStore(nil), counter{}, owners, &gdpr.Options{Links: []gdpr.Secret{gdpr.NewSecret("a key"), {}}})
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := desk.Follow(context.Background(), token); !errors.Is(err, gdpr.ErrLink) {
			t.Fatal(err)
		}
	})
}
