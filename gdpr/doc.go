// Package gdpr hands companies and persons their data, and forgets them, across the host's own tables, those of tenon and
// whatever else keeps something of them.
//
//	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: definition, Secret: secret})
//	store := gdprpg.New(pool, &gdprpg.Options{Notifier: outbox, Recorder: log})
//	desk := gdpr.NewDesk(store, host, may, &gdpr.Options{
//		Packer: gdprpg.NewPacker(host, nil), Files: gdprpg.NewFiles(pool), Links: []gdpr.Secret{secret},
//		Satellites: []gdpr.Satellite{{Name: "entitlements", Eraser: entitlementspg.New(pool, nil)}},
//	})
//	go desk.Run(ctx) // in the host's errgroup
//	request, err := desk.Ask(ctx, gdpr.Order{Kind: gdpr.KindErasure, Subject: tenon.Subject{Tenant: "acme"}})
//	if err != nil {
//		return err
//	}
//	_, err = desk.Verify(ctx, request.Key, "called back") // marked now, erased when the grace has passed
//
// # Words
//
// A subject is a company or a person in it. A [Request] asks to export (Articles 15 and 20 of the Regulation) or to be
// erased (Article 17). It is due one calendar month after it was received ([Due]), which can be extended once by two. A
// [Definition] says of every table and column of the host what is done with it; [Map] is what the database itself says of
// them; a [Plan] is the two together for one subject, frozen with its request. An erasure has two steps: the rows are
// marked, and can be restored exactly, until the grace has passed; then they are erased. A [Certificate] proves it.
//
// A [Satellite] is something else that keeps data: each package's pg store is one, and so is Stripe's customer. It is
// called until it confirms.
//
// # Who may
//
// The constructor's [May] is asked for every call. Before it is, nobody without a [tenon.Caller] gets anywhere, and a
// company that names another's data is refused; another's requests are as if they were not there. Run asks nobody: it
// does what was allowed.
//
// What is recorded and told names the request and never holds the data. When an erasure is complete, requests, holds and
// what was recorded with them say "erased/…" in place of whose they were.
//
// # Failure
//
// Each step of a request is done again until it succeeds, later each time; what failed and when it is tried again is
// stored with the request, beside its due date, and told after five times. A step that fails holds up no other, but for
// satellites that come after it. Steps are worked on under a lease: a process that dies is followed by another when it is
// over. A step may then run twice, which [Tables], [tenon.Eraser] and [Files] must bear. An export is one snapshot of the
// database, so one that was interrupted begins anew; what is finished can be fetched piece by piece.
//
// When [Desk.Run] is never started, requests are received, marked and restored; nothing is erased, exported, tried again
// or told when it is overdue.
//
// # Stores
//
// [MemoryStore] is the readable specification and serves tests; gdprpg keeps everything in Postgres. Both pass the suite
// in gdprtest.
package gdpr
