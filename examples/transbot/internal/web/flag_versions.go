package web

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/transbotai/tenon/flags"
)

// versionLine is a version in a flag's history, and what it changed.
type versionLine struct {
	Version int64
	At      time.Time
	By      string
	Reason  string
	Changed []changedMember
	Deleted bool
	Live    bool
}

// changedMember is a member of a definition that differs from the version before; an empty text is none.
type changedMember struct{ Name, Before, After string }

// versionLines returns the versions, newest first, without the last of them where that is only there to compare with.
func versionLines(records []flags.Record, live int64) []versionLine {
	var lines []versionLine
	for i, r := range records[:min(len(records), maxVersions)] {
		line := versionLine{Version: r.Version, At: r.At, By: r.By, Reason: r.Reason, Deleted: r.Body == nil, Live: r.Version == live}
		if i+1 < len(records) {
			line.Changed = changes(records[i+1].Body, r.Body)
		}
		lines = append(lines, line)
	}
	return lines
}

// since is left out of what changed: it is when the version was written.
const since = "rollout.ramp.since"

// changes returns what differs between two definitions.
func changes(before, after json.RawMessage) []changedMember {
	was, is := members(before), members(after)
	names := map[string]bool{}
	for name := range was {
		names[name] = true
	}
	for name := range is {
		names[name] = true
	}
	var all []changedMember
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if was[name] != is[name] && name != since {
			all = append(all, changedMember{name, was[name], is[name]})
		}
	}
	return all
}

// members returns the members of an object as text; what can be looked into is spread out: "rollout.percent".
func members(body json.RawMessage) map[string]string {
	found := map[string]string{}
	spread(found, "", body)
	return found
}

func spread(found map[string]string, path string, body json.RawMessage) {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		var b bytes.Buffer
		if json.Compact(&b, body) == nil {
			found[path] = b.String()
		}
		return
	}
	for name, value := range object {
		at := name
		if path != "" {
			at = path + "." + name
		}
		spread(found, at, value)
	}
}

// indented returns a definition for people to read.
func indented(d flags.Definition) string {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}
