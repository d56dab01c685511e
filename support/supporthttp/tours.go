package supporthttp

import (
	"context"
	"net/http"

	"github.com/transbotai/tenon/internal/httpjson"
	"github.com/transbotai/tenon/support"
)

// showing is a tour, in the form that a front end's tour library reads.
type showing struct {
	Key     string     `json:"key"`
	Feature string     `json:"feature"`
	Title   string     `json:"title"`
	Version int        `json:"version"`
	Step    int        `json:"step"` // the first that is not done, from 0
	Steps   []tourStep `json:"steps"`
}

type tourStep struct {
	Element string `json:"element,omitempty"` // a selector; absent: the page as a whole
	Title   string `json:"title"`
	Text    string `json:"text"`
}

// progress is how far the user has come.
type progress struct {
	Key     string      `json:"key"`
	Version int         `json:"version"`
	Steps   int         `json:"steps"` // that are done
	End     support.End `json:"end,omitempty"`
}

func (h *handler) tour(w http.ResponseWriter, r *http.Request, v support.Viewer) error {
	find := h.tours.Next
	if feature := r.URL.Query().Get("feature"); feature != "" {
		find = func(ctx context.Context, v support.Viewer) (support.Showing, bool, error) {
			return h.tours.For(ctx, v, feature)
		}
	}
	s, ok, err := find(r.Context(), v)
	if err != nil {
		return err
	}
	var body struct {
		Tour *showing `json:"tour"`
	}
	if ok {
		body.Tour = showingOf(s)
	}
	httpjson.Answer(w, r, http.StatusOK, body)
	return nil
}

func showingOf(s support.Showing) *showing {
	v := &showing{Key: s.Key, Feature: s.Feature, Title: s.Title, Version: s.Version, Step: s.Step}
	for _, step := range s.Steps {
		v.Steps = append(v.Steps, tourStep{Element: step.Anchor, Title: step.Title, Text: step.Text})
	}
	return v
}

func (h *handler) advance(w http.ResponseWriter, r *http.Request, v support.Viewer) error {
	var body struct {
		Steps   int `json:"steps"`
		Version int `json:"version"`
	}
	if err := httpjson.Read(w, r, h.options.MaxBody, &body); err != nil {
		return err
	}
	return kept(w, r)(h.tours.WithVersion(body.Version).Advance(r.Context(), v, r.PathValue("tour"), body.Steps))
}

// ending is the end of a tour, of the version that the page shows.
type ending struct {
	Version int `json:"version"`
}

func (h *handler) complete(w http.ResponseWriter, r *http.Request, v support.Viewer) error {
	var body ending
	if err := httpjson.Read(w, r, h.options.MaxBody, &body); err != nil {
		return err
	}
	return kept(w, r)(h.tours.WithVersion(body.Version).Complete(r.Context(), v, r.PathValue("tour")))
}

func (h *handler) dismiss(w http.ResponseWriter, r *http.Request, v support.Viewer) error {
	var body ending
	if err := httpjson.Read(w, r, h.options.MaxBody, &body); err != nil {
		return err
	}
	return kept(w, r)(h.tours.WithVersion(body.Version).Dismiss(r.Context(), v, r.PathValue("tour")))
}

func kept(w http.ResponseWriter, r *http.Request) func(support.Progress, error) error {
	return func(p support.Progress, err error) error {
		if err == nil {
			httpjson.Answer(w, r, http.StatusOK, progress{Key: p.Tour, Version: p.Version, Steps: p.Step, End: p.End})
		}
		return err
	}
}
