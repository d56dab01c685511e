package gdprtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"sync"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
)

// errHost is a host that does not work.
var errHost = errors.New("the host is away")

// host has tables, of which it keeps what became of them, makes archives and keeps files.
type host struct {
	mu     sync.Mutex
	broken map[string]bool   // by what is called: "mark", "erase", "pack", …
	state  map[string]string // by the id of a deletion
	calls  map[string]int
	files  map[gdpr.Key][]byte
	plan   string // the digest of what fits the tables
	during func() // is called while rows are marked; nil: nothing is
}

func newHost() *host {
	return &host{
		broken: map[string]bool{}, state: map[string]string{}, calls: map[string]int{}, files: map[gdpr.Key][]byte{}, plan: "plan",
	}
}

func (h *host) breaks(what string, broken bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken[what] = broken
}

// enter counts a call, and says whether it is broken. Who enters leaves.
func (h *host) enter(what string) error {
	h.mu.Lock()
	h.calls[what]++
	if h.broken[what] {
		return errHost
	}
	return nil
}

func (h *host) called(what string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calls[what]
}

// of returns what became of a request's rows.
func (h *host) of(k gdpr.Key) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state[k.ID]
}

// alter gives the tables another schema, which plans of before do not fit.
func (h *host) alter(plan string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.plan = plan
}

// Plan implements [gdpr.Tables].
func (h *host) Plan(context.Context, tenon.Subject) (gdpr.Plan, error) {
	defer h.mu.Unlock()
	err := h.enter("plan")
	return gdpr.Plan{Hash: h.plan}, err
}

// Mark implements [gdpr.Tables]. Of a caller that has given up it marks, and nobody hears of it.
func (h *host) Mark(ctx context.Context, d gdpr.Deletion) (map[string]int64, error) {
	defer h.mu.Unlock()
	if err := h.enter("mark"); err != nil {
		return nil, err
	}
	if s := h.state[d.ID]; s == "restored" || s == "erased" {
		return nil, tenon.ErrConflict
	}
	h.state[d.ID] = "marked"
	if h.during != nil {
		h.during()
	}
	return map[string]int64{"public.companies": 1}, ctx.Err()
}

// Restore implements [gdpr.Tables].
func (h *host) Restore(_ context.Context, d gdpr.Deletion) (map[string]int64, error) {
	defer h.mu.Unlock()
	if err := h.enter("restore"); err != nil {
		return nil, err
	}
	if h.state[d.ID] == "erased" {
		return nil, tenon.ErrConflict
	}
	h.state[d.ID] = "restored"
	return map[string]int64{"public.companies": 1}, nil
}

// Erase implements [gdpr.Tables].
func (h *host) Erase(_ context.Context, d gdpr.Deletion, p gdpr.Plan) (gdpr.Erasure, error) {
	defer h.mu.Unlock()
	if err := h.enter("erase"); err != nil {
		return gdpr.Erasure{}, err
	}
	if h.state[d.ID] != "marked" && h.state[d.ID] != "erased" || p.Hash != h.plan {
		return gdpr.Erasure{}, tenon.ErrConflict
	}
	h.state[d.ID] = "erased"
	return gdpr.Erasure{}, nil
}

// Pack implements [gdpr.Packer].
func (h *host) Pack(_ context.Context, s tenon.Subject, w io.Writer) (gdpr.Manifest, error) {
	defer h.mu.Unlock()
	if err := h.enter("pack"); err != nil {
		return gdpr.Manifest{}, err
	}
	_, err := io.WriteString(w, "all about "+s.Tenant)
	return gdpr.Manifest{Version: 1, Tenant: s.Tenant, User: s.User, At: noon}, err
}

// Document implements [gdpr.Packer].
func (h *host) Document(_ context.Context, s tenon.Subject, w io.Writer) error {
	defer h.mu.Unlock()
	if err := h.enter("document"); err != nil {
		return err
	}
	return json.NewEncoder(w).Encode(map[string]string{"company": s.Tenant})
}

// Put implements [gdpr.Files].
func (h *host) Put(_ context.Context, k gdpr.Key, r io.Reader) error {
	all, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	defer h.mu.Unlock()
	if err := h.enter("put"); err != nil {
		return err
	}
	h.files[k] = all
	return nil
}

// opened is a file that somebody reads.
type opened struct{ *bytes.Reader }

// Close implements [io.Closer].
func (opened) Close() error { return nil }

// Open implements [gdpr.Files].
func (h *host) Open(_ context.Context, k gdpr.Key) (io.ReadSeekCloser, error) {
	defer h.mu.Unlock()
	if err := h.enter("open"); err != nil {
		return nil, err
	}
	body, ok := h.files[k]
	if !ok {
		return nil, gdpr.ErrUnknownFile
	}
	return opened{bytes.NewReader(body)}, nil
}

// Remove implements [gdpr.Files].
func (h *host) Remove(_ context.Context, k gdpr.Key) error {
	defer h.mu.Unlock()
	if err := h.enter("remove"); err != nil {
		return err
	}
	delete(h.files, k)
	return nil
}

func (h *host) kept() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.files)
}

// satellite keeps one row of each tenant until it is asked to forget it.
type satellite struct {
	*host
	name string
	mu   sync.Mutex
	gone map[string]time.Time
	lies bool // it says that it has forgotten, and has not
}

func (r *rig) satellite(name string) *satellite {
	return &satellite{host: r.host, name: name, gone: map[string]time.Time{}}
}

// Erase implements [tenon.Eraser].
func (s *satellite) Erase(_ context.Context, subject tenon.Subject) (map[string]int64, error) {
	err := s.enter(s.name)
	s.host.mu.Unlock()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lies {
		return map[string]int64{s.name: 1}, nil
	}
	if !s.gone[subject.Tenant].IsZero() {
		return map[string]int64{s.name: 0}, nil
	}
	s.gone[subject.Tenant] = noon
	return map[string]int64{s.name: 1}, nil
}

// Export implements [tenon.Exporter].
func (s *satellite) Export(_ context.Context, subject tenon.Subject) iter.Seq2[tenon.Row, error] {
	return func(yield func(tenon.Row, error) bool) {
		s.mu.Lock()
		there := s.gone[subject.Tenant].IsZero()
		s.mu.Unlock()
		if there {
			yield(tenon.Row{Table: s.name, Data: json.RawMessage(`{}`)}, nil)
		}
	}
}

// failing fails with an error of the host's.
type failing struct{ err error }

// Erase implements [tenon.Eraser].
func (s failing) Erase(context.Context, tenon.Subject) (map[string]int64, error) { return nil, s.err }

// inParts forgets three rows and fails, and two more when it is asked again.
type inParts struct{ asked int }

// Erase implements [tenon.Eraser].
func (s *inParts) Erase(context.Context, tenon.Subject) (map[string]int64, error) {
	if s.asked++; s.asked == 1 {
		return map[string]int64{"things": 3}, errHost
	}
	return map[string]int64{"things": 2}, nil
}
