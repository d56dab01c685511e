package notifypg

import "github.com/transbotai/tenon/internal/pgerr"

// translate gives errors of Postgres and of the connection their class. What a transaction's owner must handle, 40001
// and 40P01 among it, passes.
func translate(err error) error { return pgerr.Translate(err, "Notify") }
