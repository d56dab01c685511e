package flagshttp

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
)

// segmentJSON is a segment, which can be sent back, and its version.
type segmentJSON struct {
	Segment flags.Segment `json:"segment"`
	Version int64         `json:"version"`
}

func (a *admin) listSegments(w http.ResponseWriter, r *http.Request, _ string) error {
	all := []segmentJSON{}
	for _, s := range a.set.Segments() {
		all = append(all, segmentJSON{s, s.Version})
	}
	return answer(w, r, http.StatusOK, 0, map[string]any{"segments": all})
}

func (a *admin) getSegment(w http.ResponseWriter, r *http.Request, key string) error {
	s, err := a.set.Segment(key)
	if err != nil {
		return err
	}
	return answer(w, r, http.StatusOK, s.Version, segmentJSON{s, s.Version})
}

func (a *admin) putSegment(w http.ResponseWriter, r *http.Request, key string) error {
	version, err := condition(r)
	if err != nil {
		return err
	}
	var body struct {
		Segment json.RawMessage `json:"segment"`
		why
	}
	if err := a.receiveWhy(w, r, &body, &body.why); err != nil {
		return err
	}
	s, err := flags.ParseSegment(bytes.NewReader(keyed(body.Segment, key)))
	if err == nil && s.Key != key {
		err = tenon.Invalid("key", "is another than the path's")
	}
	if err != nil {
		return err
	}
	s.Version = version
	s, err = a.set.PutSegment(r.Context(), s, body.Reason)
	if err != nil {
		return stored(err, func() int64 { return a.versionOfSegment(key) })
	}
	return answer(w, r, statusOfPut(version), s.Version, segmentJSON{s, s.Version})
}

// versionOfSegment returns the live version of a segment, 0 when there is none.
func (a *admin) versionOfSegment(key string) int64 {
	s, _ := a.set.Segment(key)
	return s.Version
}

func (a *admin) deleteSegment(w http.ResponseWriter, r *http.Request, key string) error {
	version, err := condition(r)
	if err != nil {
		return err
	}
	y := why{r.URL.Query().Get("reason")}
	if err := y.check(); err != nil {
		return err
	}
	if err := a.set.DeleteSegment(r.Context(), key, version, y.Reason); err != nil {
		return stored(err, func() int64 { return a.versionOfSegment(key) })
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
