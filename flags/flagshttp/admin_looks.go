package flagshttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/internal/httpjson"
)

// versionJSON is a version of a flag.
type versionJSON struct {
	Version int64           `json:"version"`
	At      time.Time       `json:"at"`
	By      string          `json:"by,omitempty"`
	Reason  string          `json:"reason,omitempty"`
	Flag    json.RawMessage `json:"flag,omitempty"` // left out where the flag was deleted
}

func (a *admin) listVersions(w http.ResponseWriter, r *http.Request, key string) error {
	before, err := httpjson.Number(r, "before", 0, 0, 1<<62)
	if err != nil {
		return err
	}
	limit, err := httpjson.Number(r, "limit", 20, 1, 100)
	if err != nil {
		return err
	}
	records, err := a.set.Versions(r.Context(), key, before, int(limit))
	if err != nil {
		return err
	}
	if len(records) == 0 && before == 0 {
		return flags.ErrUnknownFlag
	}
	all := []versionJSON{}
	for _, v := range records {
		all = append(all, versionJSON{Version: v.Version, At: v.At, By: v.By, Reason: v.Reason, Flag: v.Body})
	}
	return answer(w, r, http.StatusOK, 0, map[string]any{"versions": all})
}

// explanationJSON is the way to an answer.
type explanationJSON struct {
	evaluation
	Cause flags.Cause  `json:"cause"`
	Steps []flags.Step `json:"steps"`
	Text  string       `json:"text"`
}

func (a *admin) explainFlag(w http.ResponseWriter, r *http.Request, key string) error {
	var body whoJSON
	if err := a.receive(w, r, &body); err != nil {
		return err
	}
	who, err := body.who()
	if err != nil {
		return err
	}
	x, err := a.set.Explain(key, &who)
	if err != nil {
		return err
	}
	return answer(w, r, http.StatusOK, 0, explanationJSON{
		evaluation: evaluationOf(x.Detail), Cause: x.Detail.Cause, Steps: x.Steps, Text: x.Text(),
	})
}

func (a *admin) diffFlag(w http.ResponseWriter, r *http.Request, key string) error {
	var body struct {
		Flag json.RawMessage `json:"flag"`
	}
	if err := a.receive(w, r, &body); err != nil {
		return err
	}
	after, err := flags.ParseDefinition(bytes.NewReader(keyed(body.Flag, key)))
	if err != nil {
		return err
	}
	before, err := a.set.Flag(key)
	if errors.Is(err, flags.ErrUnknownFlag) { // everybody has the caller's default
		before = after
		before.Disabled = true
	}
	flips, err := a.set.Diff(r.Context(), before, after)
	if err != nil {
		return unknownPopulation(err)
	}
	return answer(w, r, http.StatusOK, 0, map[string]any{"flips": flips})
}

// unknownPopulation tells what this service was not given from what is wrong with the request.
func unknownPopulation(err error) error {
	var field *tenon.FieldError
	if errors.As(err, &field) && field.Field == "population" {
		return httpjson.New(http.StatusNotImplemented, "no-population", "This service does not know which tenants there are.")
	}
	return err
}

// staleJSON is a flag that may be taken out of the code, and why.
type staleJSON struct {
	Key      string    `json:"key"`
	Owner    string    `json:"owner,omitempty"`
	Expired  bool      `json:"expired"`
	Unseen   bool      `json:"unseen"`
	Constant bool      `json:"constant"`
	LastSeen time.Time `json:"last_seen,omitzero"`
	Variant  string    `json:"variant,omitempty"`
	Changed  time.Time `json:"changed"`
}

func (a *admin) listStale(w http.ResponseWriter, r *http.Request, _ string) error {
	stale, err := a.set.Stale(r.Context())
	if err != nil {
		return err
	}
	all := []staleJSON{}
	for _, f := range stale {
		all = append(all, staleJSON(f))
	}
	return answer(w, r, http.StatusOK, 0, map[string]any{"stale": all})
}
