package tenon_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/transbotai/tenon"
)

func ExampleWithCaller() {
	ctx := tenon.WithCaller(context.Background(), tenon.Caller{Tenant: "acme", Actor: "ann@acme.test"})
	caller, _ := tenon.CallerFrom(ctx)
	fmt.Println(caller.Actor, "of", caller.Tenant)
	// Output: ann@acme.test of acme
}

func ExampleInvalid() {
	err := tenon.Invalid("quantity", "%d is not within 0 and %d", -1, 100)
	fmt.Println(err)
	fmt.Println(errors.Is(err, tenon.ErrInvalid))
	// Output:
	// quantity: -1 is not within 0 and 100
	// true
}
