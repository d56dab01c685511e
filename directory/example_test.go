package directory_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/directory"
)

// listed publishes a partner.
func listed(ctx context.Context, book *directory.Book, p directory.Profile) *directory.Dossier {
	d, err := book.Create(ctx, "acme", p)
	if err != nil {
		panic(err)
	}
	if _, err := book.Submit(ctx, d.Ref, d.Version); err != nil {
		panic(err)
	}
	res, err := book.Publish(ctx, d.Ref, d.Version)
	if err != nil {
		panic(err)
	}
	return res.Dossier
}

func ExampleBook_Search() {
	ctx := context.Background()
	book := directory.NewBook(directory.NewMemoryStore(nil), nil)
	listed(ctx, book, directory.Profile{Name: "Müller & Söhne Freight", Services: []string{"ltl", "ftl"}, Regions: []string{"us-ca"}, Public: true})
	listed(ctx, book, directory.Profile{Name: "Pacific Haulers", Services: []string{"ltl"}, Regions: []string{"us-ca"}, Public: true})

	page, err := book.Search(ctx, directory.Search{Text: "muler frieght", Facets: []directory.Facet{directory.FacetServices}})
	if err != nil {
		panic(err)
	}
	for _, r := range page.Results {
		fmt.Println(r.Name, "|", r.NameHTML)
	}
	fmt.Println(page.Facets[directory.FacetServices])
	// Output:
	// Müller & Söhne Freight | <mark>Müller</mark> &amp; Söhne <mark>Freight</mark>
	// [{ftl 1} {ltl 1}]
}

// one is a plan that lists one partner.
type one struct{}

func (one) Limit(context.Context, string) (int64, error) { return 1, nil }

func ExampleBook_Publish() {
	ctx := context.Background()
	book := directory.NewBook(directory.NewMemoryStore(nil), &directory.Options{Limits: one{}})
	listed(ctx, book, directory.Profile{Name: "One", Public: true})

	d, _ := book.Create(ctx, "acme", directory.Profile{Name: "Two", Public: true})
	_, _ = book.Submit(ctx, d.Ref, 1)
	res, err := book.Publish(ctx, d.Ref, 1)
	fmt.Println(res.Refused, res.Status, err)
	// Output: [the plan lists 1 partners, and 1 are listed] submitted <nil>
}

// printer prints what it is told.
type printer struct{}

func (printer) Notify(_ context.Context, n tenon.Notification) error {
	fmt.Println(n.Severity, n.Data["company_name"], n.Data["document"], n.Data["status"])
	return nil
}

func ExampleBook_Settle() {
	ctx := context.Background()
	book := directory.NewBook(directory.NewMemoryStore(&directory.MemoryOptions{Notifier: printer{}}), nil)
	d, _ := book.Create(ctx, "acme", directory.Profile{Name: "One", Zone: "America/Los_Angeles"})
	today := directory.DateOf(time.Now().UTC())
	_, _ = book.AddDocument(ctx, d.Ref, directory.Document{Kind: "insurance/cargo", Expires: today.Add(3)})
	_, _ = book.AddDocument(ctx, d.Ref, directory.Document{Kind: "licence", Expires: today.Add(-3)})
	for range 2 {
		if _, err := book.Settle(ctx); err != nil {
			panic(err)
		}
	}
	// Output:
	// warning One insurance/cargo expiring_soon
	// critical One licence expired
}

func ExampleBook_Accept() {
	ctx := context.Background()
	book := directory.NewBook(directory.NewMemoryStore(nil), nil)
	in, err := book.Invite(ctx, "acme", directory.Profile{Name: "One", Contact: "ann@example.com"})
	if err != nil {
		panic(err)
	}
	d, err := book.Accept(ctx, in.Token)
	for _, step := range d.Log {
		fmt.Println(step.What)
	}
	fmt.Println(err)
	// Output:
	// invited
	// onboarded
	// <nil>
}

func ExampleBook_ImportCSV() {
	book := directory.NewBook(directory.NewMemoryStore(nil), nil)
	file := "company_name,services,website\n" +
		"One,ltl;ftl,https://one.example/\n" +
		"Two,ltl,javascript:alert(1)\n"
	report, err := book.ImportCSV(context.Background(), "acme", strings.NewReader(file))
	fmt.Println(report.Created, report.Refused, err)
	// Output: 1 [{3 website does not begin with http:// or https://}] <nil>
}

func ExampleStem() {
	fmt.Println(directory.Stem("carriers"), directory.Stem("logistics"), directory.Stem("shipping"))
	// Output: carrier logist ship
}

func ExampleDate_End() {
	auckland, _ := time.LoadLocation("Pacific/Auckland")
	day, _ := directory.ParseDate("2028-02-29")
	fmt.Println(day.End(auckland))
	// Output: 2028-02-29 11:00:00 +0000 UTC
}
