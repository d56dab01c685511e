// Package pgtest gives tests and the example service a real Postgres of their own, without anything to set up.
//
// A test asks for a database and gets one that nobody else uses, with the tables of the sets it names:
//
//	pool := pgtest.Pool(t, audit, notify)
//	store := auditpg.New(pool)
//
// The first call in a test process starts a server ([Shared]) with fsync off, on memory where there is room, reachable
// by a unix socket alone. Later calls clone a template database, which takes some ten milliseconds. With
// TENON_TEST_DATABASE_URL set, the databases are made on that server instead, by a role that may create databases.
//
// The programs of Postgres 15 or newer are looked for in TENON_PG_BIN, then as initdb on PATH, then in the folders
// where packages put them, newest first, then where `make deps` keeps them. When there are none, tests fail and say
// where was looked; nothing is ever skipped. DATABASE_URL and port 5432 are never used.
//
// # When a process dies
//
// A server does not outlive the process that started it, however that ends: the kernel signals it (on Linux), and a
// small watcher, which reads a pipe that closes with the process, ends it and removes its folder. What a watcher that
// was killed too leaves behind, the next [Start] removes.
//
// # Faults
//
// [Faulty] breaks the connection at a chosen statement; [Server.Pause], [Server.Kill] and [Server.Restart] do the same
// to the server; [PgBouncer] puts a pooler in front.
//
// The package works on Unix systems. It does not import testing, since the example service uses it too.
package pgtest
