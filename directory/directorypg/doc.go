// Package directorypg keeps package directory in Postgres, in schema tenon (migrations.Directory). It needs no
// extension.
//
//	store := directorypg.New(pool, &directorypg.Options{
//		Notifier: func(tx pgx.Tx) tenon.Notifier { return notifypg.New(tx, nil) },
//	})
//	book := directory.NewBook(store, &directory.Options{Key: key})
//	go book.Run(ctx) // in the host's errgroup
//
// In the caller's own transaction a partner is made with what it belongs to, or not at all:
//
//	_, err := book.WithStore(directorypg.New(tx, nil)).Create(ctx, tenant, profile)
//
// # What is searched
//
// Drafts are rows of tenon.directory_companies, what is published rows of tenon.public_partners. Triggers keep
// tenon.directory_entries in step, which has a row for each partner that is published and public, and no other: a search
// reads nothing else, so that nothing else can be found, whoever asks. Deleting a company's row,
// marking its deleted_at, and clearing is_public of what is published, by any SQL, takes it from there in the same
// transaction; that something is shown again is the Book's to do, which knows its words. The entries have no tenant:
// under row level security every tenant finds them all.
//
// An entry's words, their stems, its services and its regions are lexemes of one tsvector with one inverted index; a
// service in a region is read in order from tenon.directory_listings. A misspelt word is looked up in
// tenon.directory_words, which keeps each word with its delete neighbourhood. A search goes up the levels of
// [directory.Query.Match], best first, and stops when the page is full.
//
// # Transactions and locks
//
// New on a pgx.Tx joins the caller's transaction. A change takes a lock of the tenant's (an advisory one), then the row of
// the partner, then what depends on it; papers that are due lock rows of partners alone and skip those that are locked.
// What is told of them is written by Options.Notifier in the same transaction.
//
// Publishing adds the words that no entry has had yet, in their order, to a table that all tenants share. Whoever adds
// the same new word waits for the one who came first to commit, so keep transactions short that publish. Several
// publications in one transaction of the caller's may add words in an order that meets another's: its 40P01 is the
// caller's to handle, as 40001.
//
// # Failure
//
// Errors of the connection and of a server that is away are of the class [tenon.ErrUnavailable]; a write may then have
// happened, and saving again says so by its version. Everything works through PgBouncer in transaction mode. Under row
// level security Run needs the worker role; the app role writes for its own tenant and searches for everybody.
package directorypg
