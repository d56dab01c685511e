package pgtest

// ExecModes are pgx's ways to execute that prepare no statement under a name, as PgBouncer before 1.21 requires. In the
// last one values go as text.
func ExecModes() []string { return []string{"cache_describe", "exec", "simple_protocol"} }

// Pooler starts a PgBouncer in front of the shared server, for [Pooled]. It ends with the test.
func Pooler(t TB) string {
	t.Helper()
	return PgBouncer(t, Shared(t), AnyDatabase, map[string]string{"default_pool_size": "4"})
}

// Pooled returns the connection string that reaches a database by way of a [Pooler], in one of the [ExecModes], with
// three times as many connections of the client's as the pooler has to the server.
func Pooled(pooler, database, mode string) string {
	return Through(pooler, database) + "&pool_max_conns=12&default_query_exec_mode=" + mode
}
