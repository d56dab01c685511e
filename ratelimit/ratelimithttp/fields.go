package ratelimithttp

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon/ratelimit"
)

// The fields of draft-ietf-httpapi-ratelimit-headers-11 (May 2026), and those that came before it.
const (
	fieldPolicy   = "RateLimit-Policy"
	fieldStanding = "RateLimit"

	oldLimit     = "X-RateLimit-Limit"
	oldRemaining = "X-RateLimit-Remaining"
	oldReset     = "X-RateLimit-Reset"
)

// setFields says what the key may take and how it stands. Both fields are lists of strings with parameters (RFC 9651).
func (m *middleware) setFields(ctx context.Context, h http.Header, key ratelimit.Key, d ratelimit.Decision) {
	if d.Limit < 0 {
		return // unlimited
	}
	if p := policies(m.limiter.Limits(ctx, key)); p != "" {
		h.Set(fieldPolicy, p)
	}
	after := seconds(d.ResetAfter)
	if !d.Allowed && d.RetryAfter > 0 {
		after = seconds(d.RetryAfter)
	}
	h.Set(fieldStanding, quote(d.Policy)+";r="+decimal(d.Remaining)+";t="+decimal(after))
	if m.options.Legacy {
		h.Set(oldLimit, decimal(d.Limit))
		h.Set(oldRemaining, decimal(d.Remaining))
		h.Set(oldReset, decimal(time.Now().Unix()+after))
	}
}

// policies lists limits: their quota, their window in seconds where it has one length, and what they count when that is
// not requests by time.
func policies(limits []ratelimit.Limit) string {
	var b strings.Builder
	for _, l := range limits {
		if l.Unlimited() {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quote(l.Policy()) + ";q=" + decimal(l.Ceiling()))
		switch {
		case l.Algorithm == ratelimit.Concurrency:
			b.WriteString(`;qu="concurrent-requests"`)
		case l.Window > 0:
			b.WriteString(";w=" + decimal(seconds(l.Window)))
		case l.Algorithm == ratelimit.TokenBucket && l.Rate > 0:
			b.WriteString(";w=" + decimal(max(int64(float64(l.Burst)/float64(l.Rate)+0.5), 1)))
		case l.Period == ratelimit.Hourly:
			b.WriteString(";w=3600")
		case l.Period == ratelimit.Daily:
			b.WriteString(";w=86400")
		case l.Period == ratelimit.Weekly:
			b.WriteString(";w=604800")
		}
	}
	return b.String()
}

// quote writes a string of structured fields: printable ASCII, with quotes and backslashes escaped. What is not
// printable is left out.
func quote(s string) string {
	b := []byte{'"'}
	for _, c := range []byte(s) {
		switch {
		case c < ' ' || c > '~':
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		default:
			b = append(b, c)
		}
	}
	return string(append(b, '"'))
}

// decimal writes a whole number; those of structured fields have at most 15 digits.
func decimal(n int64) string { return strconv.FormatInt(min(n, 1e15-1), 10) }

// seconds rounds up.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
