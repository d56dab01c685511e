package traffic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// answer is what came back; a status of 0 when nothing did.
type answer struct {
	status     int
	body       []byte
	problem    string // the type of a problem document
	sent, read time.Time
	house      int
}

// tooFast says whether the rate limit refused.
func (a answer) tooFast() bool { return a.problem == "urn:tenon:problem:rate-limited" }

// unknown says whether something may have happened of which nobody was told.
func (a answer) unknown() bool { return a.status == 0 || a.status >= 500 }

// client asks the instances of one service.
type client struct {
	http   *http.Client
	houses []string // their addresses
}

// newClient refuses addresses that are not of this machine.
func newClient(houses []string, patience time.Duration, callers int) (*client, error) {
	for _, house := range houses {
		if err := loopback(house); err != nil {
			return nil, err
		}
	}
	transport := &http.Transport{MaxIdleConnsPerHost: callers, IdleConnTimeout: 30 * time.Second, DisableCompression: true}
	return &client{http: &http.Client{Transport: transport, Timeout: patience}, houses: houses}, nil
}

func loopback(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme != "http" || u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%s is not http on this machine: other people's machines are not loaded", address)
	}
	return nil
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

func (c *client) do(ctx context.Context, q request, house int) (a answer) {
	a = answer{sent: time.Now(), house: house}
	defer func() { a.read = time.Now() }()
	r, err := http.NewRequestWithContext(ctx, q.method(), c.houses[house]+q.path, bytes.NewReader([]byte(q.body)))
	if err != nil {
		return a
	}
	if q.body != "" {
		r.GetBody = nil // what is sent again is counted again, so nobody but us does
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer "+q.tenant.secret(q.turn))
	if q.key != "" {
		r.Header.Set("Idempotency-Key", q.key)
	}
	res, err := c.http.Do(r)
	if err != nil {
		return a
	}
	defer res.Body.Close()
	if a.body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer)); err != nil {
		return a
	}
	a.status = res.StatusCode
	a.problem = problemOf(res, a.body)
	return a
}

func problemOf(res *http.Response, body []byte) string {
	var p struct{ Type string }
	if !strings.HasPrefix(res.Header.Get("Content-Type"), "application/problem+json") || json.Unmarshal(body, &p) != nil {
		return ""
	}
	return p.Type
}
