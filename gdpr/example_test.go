package gdpr_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/gdpr"
)

// counter stands for tables: what it does is to count.
type counter struct{}

func (counter) Plan(_ context.Context, s tenon.Subject) (gdpr.Plan, error) {
	return gdpr.Plan{Subject: s}.Sealed(), nil
}

func (counter) Mark(context.Context, gdpr.Deletion) (map[string]int64, error) {
	return map[string]int64{"public.companies": 1}, nil
}

func (counter) Restore(context.Context, gdpr.Deletion) (map[string]int64, error) {
	return map[string]int64{"public.companies": 1}, nil
}

func (counter) Erase(context.Context, gdpr.Deletion, gdpr.Plan) (gdpr.Erasure, error) {
	return gdpr.Erasure{}, nil
}

// owners lets staff do everything, and others ask.
func owners(_ context.Context, a gdpr.Asked) error {
	if a.Tenant == "" || a.Act == gdpr.ActAsk {
		return nil
	}
	return errors.New("that is for the staff")
}

func ExampleDesk() {
	desk := gdpr.NewDesk(gdpr.NewMemoryStore(nil), counter{}, owners, &gdpr.Options{Grace: -1})
	owner := tenon.WithCaller(context.Background(), tenon.Caller{Tenant: "acme", Actor: "ann"})
	staff := tenon.WithCaller(context.Background(), tenon.Caller{Actor: "dpo"})

	r, err := desk.Ask(owner, gdpr.Order{Kind: gdpr.KindErasure, Subject: tenon.Subject{Tenant: "acme"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.State)
	_, err = desk.Ask(owner, gdpr.Order{Kind: gdpr.KindErasure, Subject: tenon.Subject{Tenant: "zenith"}})
	fmt.Println(err)
	if r, err = desk.Verify(staff, r.Key, "called back"); err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Step("mark").Rows)
	// Output:
	// received
	// gdpr: the data of another company: denied
	// map[public.companies:1]
}

func ExampleDesk_Hold() {
	desk := gdpr.NewDesk(gdpr.NewMemoryStore(nil), counter{}, owners, nil)
	staff := tenon.WithCaller(context.Background(), tenon.Caller{Actor: "dpo"})
	acme := tenon.Subject{Tenant: "acme"}
	if _, err := desk.Hold(staff, acme, "a lawsuit"); err != nil {
		log.Fatal(err)
	}
	r, err := desk.Ask(staff, gdpr.Order{Kind: gdpr.KindErasure, Subject: acme})
	if err != nil {
		log.Fatal(err)
	}
	r, err = desk.Verify(staff, r.Key, "called back")
	fmt.Println(r.State, errors.Is(err, gdpr.ErrHeld))
	// Output: verified true
}

func ExampleDue() {
	fmt.Println(gdpr.Due(time.Date(2026, 1, 31, 9, 0, 0, 0, time.UTC), 1).Format(time.DateOnly))
	// Output: 2026-02-28
}
