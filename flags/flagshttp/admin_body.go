package flagshttp

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/flags"
	"github.com/transbotai/tenon/internal/httpjson"
)

// receive reads one JSON object of known fields, and nothing after it, into v.
func (a *admin) receive(w http.ResponseWriter, r *http.Request, v any) error {
	return httpjson.Read(w, r, a.options.MaxBody, v)
}

// why is what every change comes with.
type why struct {
	Reason string `json:"reason"`
}

// maxWhy bounds a reason, in bytes.
const maxWhy = 1000

func (y why) check() error {
	if strings.TrimSpace(y.Reason) == "" || len(y.Reason) > maxWhy {
		return tenon.Invalid("reason", "is not text of 1 to %d bytes", maxWhy)
	}
	return nil
}

// receiveWhy reads a body that holds a reason.
func (a *admin) receiveWhy(w http.ResponseWriter, r *http.Request, v any, y *why) error {
	if err := a.receive(w, r, v); err != nil {
		return err
	}
	return y.check()
}

// condition returns the version that the client saw: 0 for one that is not to be there yet.
func condition(r *http.Request) (int64, error) {
	match, none := r.Header.Get("If-Match"), r.Header.Get("If-None-Match")
	if match == "" && none == "*" {
		return 0, nil
	}
	if match == "" {
		return 0, httpjson.New(http.StatusPreconditionRequired, "precondition-required",
			"Send If-Match with the version that was read, or If-None-Match: * for a new one.")
	}
	text, opened := strings.CutPrefix(match, `"`)
	text, closed := strings.CutSuffix(text, `"`)
	version, err := strconv.ParseInt(text, 10, 64)
	if err != nil || !opened || !closed || version < 1 {
		return 0, tenon.Invalid("if-match", "is not one version as an ETag gives it")
	}
	return version, nil
}

// changedError refuses a client's condition.
type changedError struct{ version int64 } // what is stored now

func (changedError) Error() string { return "another version is stored" }

// stored makes of a conflict the refusal of the client's condition, which tells what is stored now.
func stored(err error, version func() int64) error {
	if !errors.Is(err, flags.ErrConflict) {
		return err
	}
	return changedError{version()}
}

// whoJSON is for whom an answer is to be explained.
type whoJSON struct {
	Tenant     string         `json:"tenant"`
	Attributes map[string]any `json:"attributes"`
}

func (j whoJSON) who() (flags.Who, error) {
	who := flags.Who{Tenant: j.Tenant}
	for name, value := range j.Attributes {
		switch v := value.(type) {
		case string:
			who.Attrs = append(who.Attrs, flags.Text(name, v))
		case float64:
			who.Attrs = append(who.Attrs, flags.Number(name, v))
		case bool:
			who.Attrs = append(who.Attrs, flags.Truth(name, v))
		case nil: // as if it were not there
		default:
			return who, tenon.Invalid("attributes", "are text, numbers or truths")
		}
	}
	return who, nil
}
