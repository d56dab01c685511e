package entitlementstest

import (
	"net/http"
	"strings"
	"time"
)

// Fault is how calls to a [Biller] go wrong.
type Fault struct {
	Method, Path string        // of the calls meant; Path is a prefix, and empty means any
	Times        int           // how many calls; 0 means one, negative all until [Biller.Heal]
	Status       int           // answered without effect, such as 429 or 500
	RetryAfter   time.Duration // in the answer's header, in whole seconds
	Cut          Cut           // the connection is cut
}

// Cut says when a connection is cut.
type Cut int

// Where the caller learns nothing: before the call took effect, after it, and after it when the caller has hung up.
const (
	NoCut Cut = iota
	CutBefore
	CutAfter
	Hang
)

// Fail makes calls go wrong. Faults are used up in the order in which they came.
func (b *Biller) Fail(f Fault) {
	defer b.enter()()
	b.faults = append(b.faults, f)
}

// ForgetKeys forgets all idempotency keys, as Stripe does after a day or more.
func (b *Biller) ForgetKeys() {
	defer b.enter()()
	clear(b.answers)
}

// Heal ends all faults.
func (b *Biller) Heal() {
	defer b.enter()()
	b.faults = nil
}

// nextFault takes the first fault that is meant for the call.
func (b *Biller) nextFault(method, path string) Fault {
	for i := range b.faults {
		f := b.faults[i]
		if f.Method != "" && f.Method != method || !strings.HasPrefix(path, f.Path) {
			continue
		}
		switch {
		case f.Times > 1:
			b.faults[i].Times--
		case f.Times >= 0:
			b.faults = append(b.faults[:i:i], b.faults[i+1:]...)
		}
		return f
	}
	return Fault{}
}

// refusal is what the fault answers; nil where the call goes on.
func (f Fault) refusal() *apiError {
	switch f.Status {
	case 0:
		return nil
	case http.StatusTooManyRequests:
		return &apiError{status: f.Status, kind: invalidRequest, code: "rate_limit", message: "Request rate limit exceeded."}
	default:
		return &apiError{status: f.Status, kind: "api_error", message: "An unknown error occurred."}
	}
}
