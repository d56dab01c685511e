package flagshttp

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

// flagJSON is a definition, which can be sent back, and its version.
type flagJSON struct {
	Flag    flags.Definition `json:"flag"`
	Version int64            `json:"version"`
	Fault   string           `json:"fault,omitempty"` // why a newer version than this cannot be read
}

func (a *admin) show(d flags.Definition) flagJSON {
	return flagJSON{Flag: d, Version: d.Version, Fault: a.set.Stats().Faults["flag/"+d.Key]}
}

func (a *admin) listFlags(w http.ResponseWriter, r *http.Request, _ string) error {
	all, faults := []flagJSON{}, a.set.Stats().Faults
	for _, d := range a.set.Flags() {
		all = append(all, flagJSON{Flag: d, Version: d.Version, Fault: faults["flag/"+d.Key]})
	}
	return answer(w, r, http.StatusOK, 0, map[string]any{"flags": all, "status": a.set.Status(), "revision": a.set.Revision()})
}

func (a *admin) getFlag(w http.ResponseWriter, r *http.Request, key string) error {
	d, err := a.set.Flag(key)
	if err != nil {
		return err
	}
	return answer(w, r, http.StatusOK, d.Version, a.show(d))
}

func (a *admin) putFlag(w http.ResponseWriter, r *http.Request, key string) error {
	version, err := condition(r)
	if err != nil {
		return err
	}
	var body struct {
		Flag json.RawMessage `json:"flag"`
		why
	}
	if err := a.receiveWhy(w, r, &body, &body.why); err != nil {
		return err
	}
	d, err := definitionOf(body.Flag, key)
	if err != nil {
		return err
	}
	d.Version = version
	d, err = a.set.Put(r.Context(), d, body.Reason)
	if err != nil {
		return stored(err, func() int64 { return a.version(r.Context(), key) })
	}
	return answer(w, r, statusOfPut(version), d.Version, a.show(d))
}

// statusOfPut tells what was made from what was changed.
func statusOfPut(before int64) int {
	if before == 0 {
		return http.StatusCreated
	}
	return http.StatusOK
}

// definitionOf reads a definition, which may leave its key to the path.
func definitionOf(raw json.RawMessage, key string) (flags.Definition, error) {
	d, err := flags.ParseDefinition(bytes.NewReader(keyed(raw, key)))
	if err == nil && d.Key != key {
		err = tenon.Invalid("key", "is another than the path's")
	}
	return d, err
}

// keyed returns raw with a key, where it is an object without one.
func keyed(raw json.RawMessage, key string) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || members == nil || members["key"] != nil {
		return raw
	}
	members["key"], _ = json.Marshal(key)
	whole, _ := json.Marshal(members)
	return whole
}

// version returns the stored version of a flag, which may be one that cannot be read; 0 when there is none, or when nobody
// can tell.
func (a *admin) version(ctx context.Context, key string) int64 {
	newest, err := a.set.Versions(ctx, key, 0, 1)
	if err != nil || len(newest) == 0 || newest[0].Body == nil {
		return 0
	}
	return newest[0].Version
}

func (a *admin) deleteFlag(w http.ResponseWriter, r *http.Request, key string) error {
	version, err := condition(r)
	if err != nil {
		return err
	}
	y := why{r.URL.Query().Get("reason")}
	if err := y.check(); err != nil {
		return err
	}
	if err := a.set.Delete(r.Context(), key, version, y.Reason); err != nil {
		return stored(err, func() int64 { return a.version(r.Context(), key) })
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *admin) switchFlag(w http.ResponseWriter, r *http.Request, key string) error {
	var body struct {
		Disabled *bool `json:"disabled"`
		why
	}
	if err := a.receiveWhy(w, r, &body, &body.why); err != nil {
		return err
	}
	if body.Disabled == nil {
		return tenon.Invalid("disabled", "is neither true nor false")
	}
	return a.changed(w, r)(a.set.SetDisabled(r.Context(), key, *body.Disabled, body.Reason))
}

// changed answers with what a change has stored.
func (a *admin) changed(w http.ResponseWriter, r *http.Request) func(flags.Definition, error) error {
	return func(d flags.Definition, err error) error {
		if err != nil {
			return err
		}
		return answer(w, r, http.StatusOK, d.Version, a.show(d))
	}
}

func (a *admin) revertFlag(w http.ResponseWriter, r *http.Request, key string) error {
	var body struct {
		Version int64 `json:"version"`
		why
	}
	if err := a.receiveWhy(w, r, &body, &body.why); err != nil {
		return err
	}
	return a.changed(w, r)(a.set.Revert(r.Context(), key, body.Version, body.Reason))
}

func (a *admin) startRamp(w http.ResponseWriter, r *http.Request, key string) error {
	var body struct {
		Ramp *flags.Schedule `json:"ramp"`
		why
	}
	if err := a.receiveWhy(w, r, &body, &body.why); err != nil {
		return err
	}
	if body.Ramp == nil {
		return tenon.Invalid("ramp", "is missing")
	}
	return a.changed(w, r)(a.set.Ramp(r.Context(), key, *body.Ramp, body.Reason))
}

// move returns what serves a step of a ramp.
func (a *admin) move(
	step func(ctx context.Context, key, reason string) (flags.Definition, error),
) func(http.ResponseWriter, *http.Request, string) error {
	return func(w http.ResponseWriter, r *http.Request, key string) error {
		var body why
		if err := a.receiveWhy(w, r, &body, &body); err != nil {
			return err
		}
		return a.changed(w, r)(step(r.Context(), key, body.Reason))
	}
}
