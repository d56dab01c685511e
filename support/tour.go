package support

import (
	"fmt"
	"slices"
	"time"

	"github.com/transbotai/tenon"
)

// Viewer is who is shown around.
type Viewer struct {
	Tenant string `json:"tenant"`
	User   string `json:"user"`
}

func (v Viewer) check() error {
	for field, text := range map[string]string{"tenant": v.Tenant, "user": v.User} {
		if text == "" {
			return tenon.Invalid(field, "is empty")
		}
		if err := checkName(field, text); err != nil {
			return err
		}
	}
	return nil
}

// Tour shows users around a feature, once.
type Tour struct {
	Key      string     `json:"key"`
	Feature  string     `json:"feature"` // the feature's name, for people
	Title    string     `json:"title"`
	Steps    []TourStep `json:"steps"`
	Audience Audience   `json:"audience,omitzero"`
	// Version counts from 1; 0 means 1. Those who ended an older version are shown a newer one only with Again; those
	// who are in the midst of an older one begin the newer one.
	Version int  `json:"version"`
	Again   bool `json:"again,omitempty"`
}

// TourStep is one thing to be pointed at.
type TourStep struct {
	Anchor string `json:"anchor,omitempty"` // what the front end points at: a selector; empty is the page
	Title  string `json:"title"`
	Text   string `json:"text"`
}

// Audience is for whom a tour is; the zero Audience is everybody. Its words are the host's: see [ToursOptions].
type Audience struct {
	Flag  string   `json:"flag,omitempty"`  // on for the viewer
	Plans []string `json:"plans,omitempty"` // one of which the viewer's tenant is on
}

func (a Audience) everybody() bool { return a.Flag == "" && len(a.Plans) == 0 }

func (t *Tour) check(field string) error {
	switch {
	case t.Key == "" || len(t.Key) > maxName:
		return tenon.Invalid(field+".key", "is empty or too long")
	case t.Feature == "":
		return tenon.Invalid(field+".feature", "is empty")
	case t.Title == "":
		return tenon.Invalid(field+".title", "is empty")
	case len(t.Steps) == 0:
		return tenon.Invalid(field+".steps", "there are none")
	case t.Version < 0:
		return tenon.Invalid(field+".version", "%d is below 0", t.Version)
	}
	for i, s := range t.Steps {
		if s.Title == "" && s.Text == "" {
			return tenon.Invalid(fmt.Sprintf("%s.steps[%d]", field, i), "says nothing")
		}
	}
	return checkName(field+".key", t.Key)
}

// End is how a tour ended for a user.
type End string

// The ends. An empty End is a tour that is not over.
const (
	Completed End = "completed"
	Dismissed End = "dismissed"
)

// Progress is how far a user has come with a tour.
type Progress struct {
	Viewer
	Tour    string    `json:"tour"`
	Version int       `json:"version"`
	Step    int       `json:"step"` // steps that are done
	End     End       `json:"end,omitempty"`
	At      time.Time `json:"at"` // of the last report that changed something
}

// Over lays p over what was kept before, as [TourStore] says, and reports whether that changes anything.
func (p Progress) Over(old Progress) (Progress, bool) {
	switch {
	case old.Tour == "" || p.Version > old.Version:
		return p, true
	case p.Version < old.Version:
		return old, false
	}
	merged := old
	merged.Step = max(old.Step, p.Step)
	if old.End == "" {
		merged.End = p.End
	}
	if merged == old {
		return old, false
	}
	merged.At = p.At
	return merged, true
}

// shows says whether a user with this progress is to be shown t, and from which step on.
func (t *Tour) shows(kept []Progress) (step int, ok bool) {
	i := slices.IndexFunc(kept, func(p Progress) bool { return p.Tour == t.Key })
	switch {
	case i < 0:
		return 0, true
	case kept[i].Version > t.Version: // this process is older than the one that showed it
		return 0, false
	case kept[i].Version < t.Version:
		return 0, kept[i].End == "" || t.Again
	default:
		return min(kept[i].Step, len(t.Steps)-1), kept[i].End == ""
	}
}
