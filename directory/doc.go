// Package directory lists partner companies, finds them in spite of typing errors, and tells before their papers run
// out.
//
//	store := directorypg.New(pool, nil)
//	book := directory.NewBook(store, &directory.Options{Key: key})
//	go book.Run(ctx) // in the host's errgroup
//
//	d, err := book.Create(ctx, "acme", directory.Profile{
//		Name: "Müller Freight", Services: []string{"ltl"}, Regions: []string{"us-ca"}, Public: true,
//	})
//	…
//	page, err := book.Search(ctx, directory.Search{Text: "muler frieght", Regions: []string{"us-ca"}})
//
// # From a draft to the public
//
// A tenant writes drafts ([Book.Create], [Book.Save]) and hands them in ([Book.Submit]); somebody publishes them
// ([Book.Publish]), which copies the draft to where the public looks. What is published stays as it is while the next
// draft is written. A partner is found when it is published and its profile is Public, which it is not by default; then
// it counts against the plan's limit ([Limits]). What happened to a partner is a log that only grows, so that one who
// was invited stays invited when it onboards.
//
// # Searching
//
// All words of a text must be found, in the name or the description: each as it is, by its stem, as the beginning of a
// word from 2 letters on, or misspelt, with one error from 4 letters on and two from 8. An error is a letter left out,
// put in, replaced, or swapped with the next. Marks on letters do not matter, nor does case. Words of profiles in other
// languages than English are not stemmed, and words with digits are never misspelt. A partner is as relevant as the word
// that is found worst: exact before prefix before misspelt; within each the name before the description, and nearer
// before farther; then verified before not, and fresh before stale. [Query.Match] is the specification of this, and
// every store agrees with it to the last result.
//
// A search sees public partners alone, whoever asks. Its results have neither contact nor website; [Book.Public] shows
// them where the partner does. Cursors are signed and serve the search that they were made for.
//
// # Papers
//
// A document is in force to the end of its last day in its own zone, whatever the clocks do there that night. A newer
// version of its kind supersedes it. A [Policy] says which kinds a service requires, whether a partner is hidden while it
// lacks one (to the second: the instant is stored, and no job needs to run for it), and how many days ahead somebody is
// told. Each document, version and threshold is told once, by a [tenon.Notification] in the transaction that notes it;
// once a day a digest tells how many papers are missing, expired and expiring soon.
//
// # Failure
//
// When the store is away every call returns an error of the class [tenon.ErrUnavailable]. When [Book.Run] is away,
// papers expire and partners are hidden on time, and alerts are late: of thresholds that passed meanwhile the last is
// told. A plan's limit that cannot be asked keeps a partner from being published. That a limit is reached or a paper
// missing is no error but a [Publication] that says so.
//
// # Stores
//
// [MemoryStore] is the readable specification and serves tests; directorypg keeps everything in Postgres, without any
// extension. Both pass the suite in directorytest.
package directory
