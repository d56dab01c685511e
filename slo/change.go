package slo

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/transbotai/tenon"
)

// change describes what was done to an objective's setting. A nil side is nothing.
func change(action string, k Key, before, after any, reason string, now time.Time) tenon.Change {
	c := tenon.Change{Tenant: k.Tenant, Action: action, Target: "objective/" + k.Name, Reason: reason, At: now}
	if k.Name == "" {
		c.Target = "objective/*"
	}
	c.Before, c.After = document(before), document(after)
	return c
}

func document(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage(fmt.Sprintf("%q", err)) // our own types: it does not happen
	}
	return b
}

// notification tells of an episode: state is opened, escalated or resolved.
func (e *Episode) notification(state, title, text string, at time.Time) tenon.Notification {
	return tenon.Notification{
		Key: "slo.alert/" + e.ID + "/" + state, Kind: "slo.alert", Tenant: e.Tenant, Severity: e.Severity,
		Title: title, Text: text, At: at,
		Data: map[string]string{
			"objective": e.Name, "alert": string(e.Alert), "signal": e.Signal, "episode": e.ID, "state": state,
		},
	}
}

func (e *Episode) opened() tenon.Notification {
	return e.notification("opened", fmt.Sprintf("%s: %s %s", e.Key, e.Alert, e.Signal), e.told(), e.OpenedAt)
}

func (e *Episode) escalated() tenon.Notification {
	n := e.notification("escalated", fmt.Sprintf("%s: now %s %s", e.Key, e.Alert, e.Signal), e.told(), e.ToldAt)
	n.Key += "/" + e.Signal
	return n
}

func (e *Episode) resolved(why string) tenon.Notification {
	n := e.notification("resolved", fmt.Sprintf("%s: %s resolved", e.Key, e.Alert), why, e.ResolvedAt)
	n.Severity = tenon.SeverityInfo
	return n
}

func (e *Episode) told() string { return e.Text + " It resolves when " + e.Resolves + "." }
