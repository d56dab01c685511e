package notifyhttp

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/transbotai/tenon"
)

// Format makes the body of a request, in JSON.
type Format func(n tenon.Notification) ([]byte, error)

// JSON is the notification as it is.
func JSON(n tenon.Notification) ([]byte, error) { return json.Marshal(n) }

// Slack is a message as Slack's incoming webhooks take it, and Mattermost's and others': the title in bold, the text, and
// the data by name.
func Slack(n tenon.Notification) ([]byte, error) {
	lines := []string{mark(n.Severity) + " *" + plain.Replace(n.Title) + "*"}
	if n.Text != "" {
		lines = append(lines, plain.Replace(n.Text))
	}
	for _, name := range slices.Sorted(maps.Keys(n.Data)) {
		lines = append(lines, "• "+plain.Replace(name)+": "+plain.Replace(n.Data[name]))
	}
	return json.Marshal(map[string]string{"text": strings.Join(lines, "\n")})
}

// plain keeps Slack from reading links and mentions into a text.
var plain = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func mark(s tenon.Severity) string {
	switch s {
	case tenon.SeverityCritical:
		return ":rotating_light:"
	case tenon.SeverityWarning:
		return ":warning:"
	}
	return ":information_source:"
}
