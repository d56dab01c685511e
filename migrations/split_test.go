package migrations_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/migrations"
)

func TestStatements(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		sql  string
		want []string
	}{
		"nothing":                 {" \n-- a;b\n/* c;d */ ;; ", nil},
		"two":                     {"select 1;\nselect 2", []string{"select 1", "select 2"}},
		"strings":                 {"select 'a;''b;';x", []string{"select 'a;''b;'", "x"}},
		"backslash in a string":   {`select 'a\';x`, []string{`select 'a\'`, "x"}},
		"backslash in an e''":     {`select e'a\';''b;';x`, []string{`select e'a\';''b;'`, "x"}},
		"a name that ends in e":   {`select true'a\';x`, []string{`select true'a\'`, "x"}},
		"quoted names":            {`select "a;""b;";x`, []string{`select "a;""b;"`, "x"}},
		"line comments":           {"select 1 -- it's; one\n;x", []string{"select 1 -- it's; one", "x"}},
		"nested comments":         {"select /* a; /* b; */ ' c; */ 1;x", []string{"select /* a; /* b; */ ' c; */ 1", "x"}},
		"dollar quotes":           {"do $$ a; $x$ b; $$;x", []string{"do $$ a; $x$ b; $$", "x"}},
		"tagged dollar quotes":    {"do $a1$ a; $$ b; $a1$;x", []string{"do $a1$ a; $$ b; $a1$", "x"}},
		"parameters":              {"select $1;select $2$3", []string{"select $1", "select $2$3"}},
		"a dollar inside a name":  {"select a$b$;x$b$", []string{"select a$b$", "x$b$"}},
		"parentheses":             {"create rule r as on insert to t do (select 1; select 2);x", []string{"create rule r as on insert to t do (select 1; select 2)", "x"}},
		"a body in standard form": {"create or replace function f() returns int begin atomic select case when true then 1 end; select 2; end;x", []string{"create or replace function f() returns int begin atomic select case when true then 1 end; select 2; end", "x"}},
		"a word atomic elsewhere": {"select atomic; begin atomic;x", []string{"select atomic", "begin atomic", "x"}},
		"letters beyond ascii":    {"select 'é;' as é;x", []string{"select 'é;' as é", "x"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := migrations.Statements(test.sql)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
	for _, sql := range []string{"select 'a", `select "a`, "do $$ a", "/* /* */", `select e'a\'`} {
		_, err := migrations.Statements("select 1;\n" + sql)
		require.ErrorContains(t, err, "line 2: ", sql)
	}
}

func FuzzStatements(f *testing.F) {
	for _, sql := range []string{"select 1;", "do $a$;$a$;", "/*;*/'';\"\"", `e'\'';x`, "create function f() begin atomic case end; end;", "\u00a0"} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		texts, err := migrations.Statements(sql)
		if err != nil {
			return
		}
		again, err := migrations.Statements(strings.Join(texts, "\n;\n"))
		require.NoError(t, err)
		require.Equal(t, texts, again, "cutting what was cut changes nothing")
	})
}
