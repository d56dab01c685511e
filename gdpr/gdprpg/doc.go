// Package gdprpg does what package gdpr decides in Postgres: over the host's own tables ([Host], [Packer]), and in schema
// tenon, where requests, legal holds and exports are kept ([Store], [Files]).
//
//	host := gdprpg.NewHost(pool, gdprpg.HostOptions{Company: companies, Person: persons, Secret: secret})
//	store := gdprpg.New(pool, &gdprpg.Options{
//		Notifier: func(tx pgx.Tx) tenon.Notifier { return notifypg.New(tx, nil) },
//	})
//	desk := gdpr.NewDesk(store, host, may, &gdpr.Options{
//		Packer: gdprpg.NewPacker(host, nil), Files: gdprpg.NewFiles(pool), Satellites: satellites,
//	})
//
// Apply migrations.GDPR first. A host's CI calls [Check], which fails for a table or column that nobody has classified.
//
// # Satellites
//
// tenon's own tables are the satellites of the host, each by its package's store: on the pool for gdpr.Options, in the
// export's transaction for [PackerOptions].Inside. Stripe's customer goes before the link to it:
//
//	satellites := []gdpr.Satellite{
//		{Name: "stripe", Eraser: biller, Exporter: biller},
//		{Name: "entitlements", Eraser: rights, Exporter: rights, After: []string{"stripe"}},
//		{Name: "flags", Eraser: switches, Exporter: switches},
//	}
//
// The tables of this package are none: a desk forgets its own requests when an erasure is complete.
//
// # Erasures
//
// A row is the subject's when the first reference of its table that is not null leads to a row of the subject's. Tables
// are done in the order of their keys, and of the references by which rows are found. Rows are deleted in batches by
// their keys, each a transaction of one round trip that also counts; an erasure rests after each, and waits for the disk
// only when it is certified. Tables that refer to each other in a circle, or to themselves, are peeled: rows to which no
// other refers go in batches as well, and what is left goes in one statement, at whose end Postgres asks the keys,
// RESTRICT included. Each transaction sets tenon.erasure_id, by which a host's audit triggers can tell that they must
// record keys and no data. The certificate follows a search through every text, json and array column of the database, a
// few pages at a time, partitions and materialised views included.
//
// # Exports
//
// An export reads in one read-only transaction with one snapshot, inside exporters included. The server sends rows as
// text, a row at a time; they become lines of JSON here, as to_jsonb would write them, and are compressed on up to four
// cores. Memory does not grow with the size. The archive is made in a file of the program's folder for such, and handed
// to gdpr.Files when the transaction is over, so that it holds the server's clean-up no longer than it must.
//
// # Locks
//
// What changes a tenant's requests takes an advisory lock of the transaction for the tenant, then its rows of
// gdpr_requests in the order of their ids, then gdpr_holds. A worker that claims requests skips what is locked. A deletion
// is worked on under its row of gdpr_deletions, after which come rows of the host's tables; neither is taken together
// with requests.
//
// # Roles
//
// Desks and hosts work across tenants and across the host's tables: they need the worker role, and no row level security
// of the host's own in their way. The app role may receive a request in a transaction that names its tenant, and read
// holds and exports.
//
// # Failure
//
// Errors of the connection and of a server that is away are of the class tenon.ErrUnavailable. Everything may be called
// again after one: what was erased is counted in the transaction that erased it, and goes on from there.
package gdprpg
