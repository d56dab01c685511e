package gdpr

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// Secret is a key that signs links and certificates, and from which pseudonyms are derived. The zero Secret signs nothing.
type Secret struct{ tenon.Secret }

// NewSecret returns a Secret of this value, the zero one when it is empty. It should have 32 random bytes or more.
func NewSecret(value string) Secret { return Secret{tenon.NewSecret(value)} }

// linkPurpose keeps a signature of a link from being one of something else that was signed by the same key.
const linkPurpose = "tenon gdpr link 1\n"

func (s Secret) sign(body []byte) []byte {
	mac := hmac.New(sha256.New, []byte(s.Reveal()))
	mac.Write([]byte(linkPurpose))
	mac.Write(body)
	return mac.Sum(nil)
}

// ticket is what a link says.
type ticket struct {
	Tenant string `json:"t"`
	ID     string `json:"r"`
	Until  int64  `json:"u"` // Unix time in seconds
}

// Link returns a token with which whoever has it can fetch the export of a request for some time: until then nobody asks
// who they are. It holds no longer than the file. The token is of letters, digits, "-", "_" and ".".
func (d *Desk) Link(ctx context.Context, k Key, lifetime time.Duration) (string, error) {
	_, r, err := d.find(ctx, k, ActDownload)
	if err != nil {
		return "", err
	}
	switch {
	case len(d.options.Links) == 0 || d.options.Links[0].IsZero():
		return "", prefix(tenon.Invalid("links", "this desk has no key to sign them by"))
	case lifetime <= 0:
		return "", prefix(tenon.Invalid("lifetime", "is not positive"))
	case r.File == nil || r.File.Gone:
		return "", ErrUnknownFile
	}
	e, err := d.edit(ctx, k, func(_ *Case, r *Request, now time.Time) (Effects, error) {
		return r.recorded("link_made", now), nil
	})
	if err != nil {
		return "", err
	}
	now, err := d.now(ctx)
	if err != nil {
		return "", err
	}
	until := now.Add(lifetime)
	if until.After(e.File.Expires) {
		until = e.File.Expires
	}
	body, err := json.Marshal(ticket{Tenant: k.Tenant, ID: k.ID, Until: until.Unix()})
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	return enc.EncodeToString(body) + "." + enc.EncodeToString(d.options.Links[0].sign(body)), nil
}

// Download is an export on its way out.
type Download struct {
	File
	io.ReadSeekCloser
}

// Follow opens what a link leads to. The link is all that it asks for; one that was changed, is over, or was signed by
// another key is [ErrLink].
func (d *Desk) Follow(ctx context.Context, token string) (*Download, error) {
	t, err := d.readTicket(token)
	if err != nil {
		return nil, err
	}
	now, err := d.now(ctx)
	if err != nil {
		return nil, err
	}
	if now.Unix() >= t.Until {
		return nil, ErrLink
	}
	return d.open(ctx, Key{Tenant: t.Tenant, ID: t.ID})
}

// maxToken bounds a token, in bytes: those of a tenant's id may each be six in JSON.
const maxToken = 10 * maxID

func (d *Desk) readTicket(token string) (t ticket, err error) {
	if len(token) > maxToken {
		return t, ErrLink
	}
	left, right, _ := strings.Cut(token, ".")
	body, err := base64.RawURLEncoding.Strict().DecodeString(left)
	if err != nil {
		return t, ErrLink
	}
	mac, err := base64.RawURLEncoding.Strict().DecodeString(right)
	if err != nil {
		return t, ErrLink
	}
	for _, key := range d.options.Links {
		if !key.IsZero() && hmac.Equal(mac, key.sign(body)) {
			if json.Unmarshal(body, &t) != nil {
				return t, ErrLink
			}
			return t, nil
		}
	}
	return t, ErrLink
}

// Open opens the export of a request.
func (d *Desk) Open(ctx context.Context, k Key) (*Download, error) {
	if _, _, err := d.find(ctx, k, ActDownload); err != nil {
		return nil, err
	}
	return d.open(ctx, k)
}

func (d *Desk) open(ctx context.Context, k Key) (*Download, error) {
	c, err := d.load(ctx, k.Tenant)
	if err != nil {
		return nil, err
	}
	r, err := c.Request(k.ID)
	if err != nil {
		return nil, err
	}
	now, err := d.now(ctx)
	if err != nil {
		return nil, err
	}
	if r.File == nil || r.File.Gone || !now.Before(r.File.Expires) {
		return nil, ErrUnknownFile
	}
	body, err := d.options.Files.Open(ctx, r.Key)
	if err != nil {
		return nil, err
	}
	return &Download{File: *r.File, ReadSeekCloser: body}, nil
}
