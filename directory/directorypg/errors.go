package directorypg

import "github.com/transbotai/tenon/internal/pgerr"

// translate gives errors of Postgres and of the connection their class. What is a caller's own error passes.
func translate(err error) error { return pgerr.Translate(err, "Directory") }
