// Package redistest gives tests and the benchmarks a real Redis of their own, without anything to set up.
//
//	client := redistest.Client(t)
//	store := ratelimitredis.New(client, &ratelimitredis.Options{Prefix: tenon.NewID(time.Now())})
//
// The first call in a test process starts a server ([Shared]), reachable by a unix socket alone, that keeps nothing on
// disk. All tests of the process share it, so each keeps to keys of its own. With TENON_TEST_REDIS_URL set, that server
// is used instead. Otherwise redis-server must be on PATH: when it is not, tests fail and say how to install it; nothing
// is ever skipped. Port 6379 and REDIS_URL are never used.
//
// [Start] starts a server that a test may pause, kill and restart, and [StartCluster] a Redis Cluster.
//
// # When a process dies
//
// A server does not outlive the process that started it, however that ends: the kernel signals it (on Linux), and a small
// watcher, which reads a pipe that closes with the process, ends it and removes its folder. What a watcher that was
// killed too leaves behind, the next start removes.
//
// The package works on Unix systems. It does not import testing, so that benchmarks and examples can use it too.
package redistest
