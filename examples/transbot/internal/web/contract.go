package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the contract
	"encoding/hex"
	"net/http"
	"time"
)

// Contract is the API in the words of OpenAPI 3.1. It is written by hand; a test holds the handlers to it.
//
//go:embed openapi.json
var Contract []byte

var contractTag = func() string {
	sum := sha256.Sum256(Contract)
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}()

func (*Server) contract(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("ETag", contractTag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(Contract))
}
