package entitlementshttp

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/transbotai/tenon/entitlements"
	"github.com/transbotai/tenon/internal/httpjson"
)

// Handler returns a handler that tells a front end what the tenant of a request may use:
//
//	GET /entitlements            {"entitlements": […]}: every feature of the catalogue, by key
//	GET /entitlements/{feature}  the Decision of a check, and its text
//	GET /limits/{feature}        how much is left; -1 is unlimited
//
// Mount it under a prefix with [http.StripPrefix]. The tenant comes from the request's authentication alone, never
// from its path. A feature that the plan lacks is an answer (allowed is false), one that the catalogue lacks is 404.
//
// An answer carries a strong ETag, Cache-Control: private and Vary. The age of the view that it comes from stands in
// the header Age, in whole seconds, so that an answer whose content stays the same keeps its ETag. While the store is
// away, entitlements follow each feature's fallback policy and say "answer": "unknown"; limits are 503, since a number
// that is not known is not shown.
//
// It panics when gate or tenant is nil.
func Handler(gate *entitlements.Gate, tenant TenantFunc, opts *Options) http.Handler {
	return &handler{newService(gate, tenant, opts)}
}

type handler struct{ service }

// featureForm is what a catalogue accepts as a key. Anything else is unknown without being looked up.
var featureForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_.\-]{0,99}$`)

// ServeHTTP asks in this order: is there such a page, is the method right, who asks, is there such a feature.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page, feature, named := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	answer := h.page(page, named)
	if answer == nil {
		httpjson.Refuse(w, r, httpjson.NoPage)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		httpjson.MethodNotAllowed(w, r, "GET", "HEAD")
		return
	}
	h.vary(w.Header())
	tenant, ok := h.identify(w, r)
	if !ok {
		return
	}
	if named && !featureForm.MatchString(feature) {
		write(w, r, unknownFeature())
		return
	}
	answer(w, r, question{tenant: tenant, feature: feature})
}

// question is what is asked, by whom.
type question struct{ tenant, feature string }

// page returns what answers a path, nil for nothing.
func (h *handler) page(name string, named bool) func(http.ResponseWriter, *http.Request, question) {
	switch {
	case name == "entitlements" && !named:
		return h.all
	case name == "entitlements":
		return h.one
	case name == "limits" && named:
		return h.limits
	}
	return nil
}

// entitlement is a Decision in JSON, without its age.
type entitlement struct {
	entitlements.Decision
	Text string `json:"text"`
}

func (h *handler) all(w http.ResponseWriter, r *http.Request, q question) {
	found, err := h.gate.CheckAll(r.Context(), q.tenant)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	list, s := make([]entitlement, len(found)), sending{}
	for i, d := range found {
		s.add(d)
		list[i] = entitlementOf(d)
	}
	h.send(w, r, s, map[string][]entitlement{"entitlements": list})
}

func (h *handler) one(w http.ResponseWriter, r *http.Request, q question) {
	d, err := h.gate.Check(r.Context(), q.tenant, q.feature)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	var s sending
	s.add(d)
	h.send(w, r, s, entitlementOf(d))
}

func entitlementOf(d entitlements.Decision) entitlement {
	d.Age = 0
	return entitlement{Decision: d, Text: d.Text()}
}

// limit is the answer of /limits/{feature}.
type limit struct {
	Feature string              `json:"feature"`
	Plan    string              `json:"plan,omitempty"`
	Allowed bool                `json:"allowed"` // one more unit
	Reason  entitlements.Reason `json:"reason"`
	limits
	Upgrade string `json:"upgrade,omitempty"`
	Text    string `json:"text"`
}

func (h *handler) limits(w http.ResponseWriter, r *http.Request, q question) {
	d, err := h.gate.Check(r.Context(), q.tenant, q.feature)
	switch {
	case err != nil:
		h.fail(w, r, err)
		return
	case d.Answer == entitlements.Unknown:
		h.refuse(w, r, entitlements.Decision{Feature: d.Feature, Reason: entitlements.ReasonUnavailable}, 0)
		return
	}
	var s sending
	s.add(d)
	h.send(w, r, s, limit{
		Feature: d.Feature, Plan: d.Plan, Allowed: d.Allowed, Reason: d.Reason, limits: *limitsOf(d),
		Upgrade: d.Upgrade, Text: d.Text(),
	})
}

// sending is what the headers of an answer say of the decisions in it.
type sending struct {
	age     time.Duration // the oldest
	unknown bool          // one is a policy's guess, which nobody should keep
}

func (s *sending) add(d entitlements.Decision) {
	s.age = max(s.age, d.Age)
	s.unknown = s.unknown || d.Answer == entitlements.Unknown
}

// send writes v. [http.ServeContent] answers conditional requests and HEAD.
func (h *handler) send(w http.ResponseWriter, r *http.Request, s sending, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	sum := sha256.Sum256(body)
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", h.cacheControl(s))
	header.Set("Age", strconv.FormatInt(int64(s.age/time.Second), 10))
	header.Set("Etag", `"`+hex.EncodeToString(sum[:16])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func (h *handler) cacheControl(s sending) string {
	seconds := int64(h.options.MaxAge / time.Second)
	switch {
	case s.unknown:
		return "no-store"
	case seconds > 0:
		return "private, max-age=" + strconv.FormatInt(seconds, 10)
	default:
		return "private, no-cache"
	}
}
