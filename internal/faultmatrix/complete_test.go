package faultmatrix_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// reads are what is called with a context and writes nothing, by package and, for methods, type.
var reads = map[string]string{
	"auditpg":        "Begin BeginTx Drifts",
	"auditpg.Anchor": "Checkpoints",
	"auditpg.Store":  "Checkpoints Export Hashes Head Holds Index List Sealed Start Strays",

	"directorypg.Store": "Clock Export List Load Search Start",

	"entitlementspg.Store": "BillingEvents Clock Customers Export History Holds Load Usage UsageLines Versions",

	"flagspg.Store": "Clock Export Load Marks Versions",

	"gdprpg":        "Check Discover",
	"gdprpg.Files":  "Open",
	"gdprpg.Host":   "Findings Plan Suppressed Suppressions",
	"gdprpg.Packer": "Document Pack",
	"gdprpg.Store":  "Clock Export List Load Start",

	"kpipg.Store": "Cells Clock Export FeatureUsage Load Quarantined Scan TrialConversion Verify",

	"notifypg.Store": "Clock Export List Start Tally",

	"ratelimitpg.Store": "Export",

	"slopg.Store": "Check Clock Count Episodes Export Load Sketch",

	"supportpg.Store": "Clock DeadTimers Export Findings Progress Rules Start TallyTimers Tickets",
}

// The interfaces between packages have no context, or take one and are covered by what hands them out.
var withoutContext = []string{"notifypg.Channel"}

func TestEveryWriteOfEveryStoreHasALine(t *testing.T) {
	t.Parallel()
	lines := map[string]bool{}
	for _, f := range matrix {
		for _, w := range f.writes {
			lines[w.covers] = true
		}
	}
	known := maps.Clone(lines)
	for owner, names := range reads {
		for name := range strings.FieldsSeq(names) {
			require.False(t, lines[owner+"."+name], "%s.%s reads and has a line", owner, name)
			known[owner+"."+name] = true
		}
	}
	found := calls(t)
	for _, name := range found {
		require.True(t, known[name], "%s writes and has no line in the matrix, or it is not among those that read", name)
	}
	found = append(found, withoutContext...)
	for name := range known {
		require.Contains(t, found, name, "there is no such call any more")
	}
	t.Logf("%d calls, %d of them write, in %d lines", len(found), len(lines), countLines())
}

func countLines() (n int) {
	for _, f := range matrix {
		n += len(f.writes)
	}
	return n
}

// calls returns the exported functions and methods of all packages with the suffix pg that take a context.
func calls(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../*/*pg/*.go")
	require.NoError(t, err)
	var found []string
	packages := map[string]bool{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		packages[file.Name.Name] = true
		found = append(found, callsOf(file.Name.Name, file)...)
	}
	require.GreaterOrEqual(t, len(packages), 10)
	slices.Sort(found)
	return found
}

func callsOf(name string, file *ast.File) (found []string) {
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || !f.Name.IsExported() || !takesContext(f) {
			continue
		}
		if f.Recv == nil {
			found = append(found, name+"."+f.Name.Name)
		} else if owner := receiver(f); ast.IsExported(owner) {
			found = append(found, name+"."+owner+"."+f.Name.Name)
		}
	}
	return found
}

func receiver(f *ast.FuncDecl) string {
	of := f.Recv.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	name, _ := of.(*ast.Ident)
	return name.Name
}

func takesContext(f *ast.FuncDecl) bool {
	if len(f.Type.Params.List) == 0 {
		return false
	}
	of, ok := f.Type.Params.List[0].Type.(*ast.SelectorExpr)
	return ok && of.Sel.Name == "Context"
}
