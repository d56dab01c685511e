package audit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strings"
	"time"

	"github.com/transbotai/tenon"
)

// Viewer may read the records of one tenant, until it expires.
type Viewer struct {
	Tenant  string    `json:"tenant"` // required
	Name    string    `json:"name"`   // whom the exports name as their actor; at most 1,017 bytes
	Expires time.Time `json:"expires"`
}

// Viewers issues and reads the tokens of viewers. It never shows its secret.
type Viewers struct{ secret []byte }

// NewViewers returns what issues tokens under a secret of at least 32 bytes.
func NewViewers(secret []byte) (*Viewers, error) {
	if len(secret) < sha256.Size {
		return nil, tenon.Invalid("secret", "shorter than %d bytes", sha256.Size)
	}
	return &Viewers{secret: append([]byte(nil), secret...)}, nil
}

// Format writes no secret, whatever the verb.
func (v *Viewers) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "audit.Viewers") }

// LogValue writes no secret.
func (v *Viewers) LogValue() slog.Value { return slog.StringValue("audit.Viewers") }

// viewerPrefix begins tokens, and viewerActor what the actor of a viewer's export is called.
const (
	viewerPrefix = "tav1."
	viewerActor  = "viewer:"
)

// Issue returns a token for v, to hand to the one who may read.
func (v *Viewers) Issue(viewer Viewer) (string, error) {
	switch {
	case viewer.Tenant == "":
		return "", tenon.Invalid("tenant", "required")
	case viewer.Expires.IsZero():
		return "", tenon.Invalid("expires", "required")
	}
	if err := checkText("tenant", viewer.Tenant); err != nil {
		return "", err
	}
	if err := checkText("name", viewerActor+viewer.Name); err != nil { // or its exports could not be recorded
		return "", err
	}
	viewer.Expires = tenon.Instant(viewer.Expires)
	body, err := json.Marshal(viewer)
	if err != nil {
		return "", tenon.Invalid("expires", "%v", err)
	}
	text := viewerPrefix + base64.RawURLEncoding.EncodeToString(body)
	return text + "." + base64.RawURLEncoding.EncodeToString(v.sum(text)), nil
}

func (v *Viewers) sum(text string) []byte {
	mac := hmac.New(sha256.New, v.secret)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// Parse reads a token. One that was not issued under the secret, or has expired by now, is a [tenon.ErrDenied].
func (v *Viewers) Parse(token string, now time.Time) (Viewer, error) {
	bad := fmt.Errorf("audit: token: %w", tenon.ErrDenied)
	at := strings.LastIndexByte(token, '.')
	if len(token) > 8<<10 || at < 0 || !strings.HasPrefix(token, viewerPrefix) {
		return Viewer{}, bad
	}
	sum, err := base64.RawURLEncoding.Strict().DecodeString(token[at+1:])
	if err != nil || !hmac.Equal(sum, v.sum(token[:at])) || at < len(viewerPrefix) {
		return Viewer{}, bad
	}
	var viewer Viewer
	body, err := base64.RawURLEncoding.DecodeString(token[len(viewerPrefix):at])
	if err != nil || json.Unmarshal(body, &viewer) != nil || viewer.Tenant == "" {
		return Viewer{}, bad
	}
	if !now.Before(viewer.Expires) {
		return Viewer{}, fmt.Errorf("audit: token expired: %w", tenon.ErrDenied)
	}
	return viewer, nil
}

// Reader reads the records of one tenant and no other's.
type Reader struct {
	log    *Log
	viewer Viewer
}

// Reader returns what a viewer may read of the log.
func (l *Log) Reader(v Viewer) *Reader { return &Reader{log: l, viewer: v} }

// Tenant returns whose records they are.
func (r *Reader) Tenant() string { return r.viewer.Tenant }

func (r *Reader) limit(q Query) Query {
	q.Tenant, q.AllTenants = r.viewer.Tenant, false
	return q
}

// errNoTenant refuses a viewer that nobody issued, and another tenant's export.
var errNoTenant = fmt.Errorf("audit: not the viewer's tenant: %w", tenon.ErrDenied)

// List is [Log.List] of the tenant's records; the tenant of q is not looked at.
func (r *Reader) List(ctx context.Context, q Query) ([]Entry, error) {
	if r.viewer.Tenant == "" {
		return nil, errNoTenant
	}
	return r.log.List(ctx, r.limit(q))
}

// All is [Log.All] of the tenant's records.
func (r *Reader) All(ctx context.Context, q Query) iter.Seq2[Entry, error] {
	if r.viewer.Tenant == "" {
		return func(yield func(Entry, error) bool) { yield(Entry{}, errNoTenant) }
	}
	return r.log.All(ctx, r.limit(q))
}

// Get is [Log.Get]: another tenant's record is [ErrUnknownRecord].
func (r *Reader) Get(ctx context.Context, id string) (Entry, error) {
	if r.viewer.Tenant == "" {
		return Entry{}, errNoTenant
	}
	return r.log.Get(ctx, Ref{Tenant: r.viewer.Tenant, ID: id})
}

// ProveInclusion is [Log.ProveInclusion] of the tenant's record.
func (r *Reader) ProveInclusion(ctx context.Context, id string) (Proof, error) {
	if r.viewer.Tenant == "" {
		return Proof{}, errNoTenant
	}
	return r.log.ProveInclusion(ctx, Ref{Tenant: r.viewer.Tenant, ID: id})
}

// Export is [Log.Export] of the tenant's records. The record that tells of it has the viewer's name as its actor.
func (r *Reader) Export(ctx context.Context, w io.Writer, o ExportOptions) (Summary, error) {
	if r.viewer.Tenant == "" || o.Resume != nil && (o.Resume.Query.AllTenants || o.Resume.Query.Tenant != r.viewer.Tenant) {
		return Summary{}, errNoTenant
	}
	caller, _ := tenon.CallerFrom(ctx)
	caller.Actor = viewerActor + r.viewer.Name
	o.Query = r.limit(o.Query)
	return r.log.Export(tenon.WithCaller(ctx, caller), w, o)
}
