package flagshttp

import (
	"net/http"

	"github.com/transbotai/tenon/internal/httpjson"
)

// document is a problem document with what this package has to tell beside. What it says comes from the host's flags
// and from this package; of the request it repeats nothing but the path of the fault in a definition that an authorised
// person sent.
type document struct {
	httpjson.Problem
	Flag    string `json:"flag,omitempty"`    // of a refusal: which flag is off
	Version int64  `json:"version,omitempty"` // of a 409 or 412: what is stored now
}

func write(w http.ResponseWriter, r *http.Request, p document) {
	httpjson.RefuseWith(w, r, p.Status, p)
}

var unknownFlag = httpjson.New(http.StatusNotFound, "unknown-flag", "There is no such flag.")
