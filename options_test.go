package tenon_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// negativeMeans finds that documentation gives a negative value a meaning of its own.
var negativeMeans = regexp.MustCompile(`, negative (means )?(never|none|any|all|no |not |for )`)

// A negative option that its documentation gives a meaning must not become the default: [option.Positive] would make it so.
func TestANegativeOptionThatMeansSomethingIsNotTheDefault(t *testing.T) {
	t.Parallel()
	documented, completed := 0, 0
	for path := range packages(t) {
		dir := filepath.Join(".", strings.TrimPrefix(path, module))
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		means, positive := map[string]bool{}, map[string]token.Position{} // by type and field: "Options.Keep"
		fset := token.NewFileSet()
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
			require.NoError(t, err)
			for _, d := range file.Decls {
				switch d := d.(type) {
				case *ast.GenDecl:
					noteMeanings(d, means)
				case *ast.FuncDecl:
					notePositives(d, fset, positive)
				}
			}
		}
		documented, completed = documented+len(means), completed+len(positive)
		for field, at := range positive {
			require.False(t, means[field], "%s: a negative %s means something, and becomes the default", at, field)
		}
	}
	require.Greater(t, documented, 10, "fields whose negative value means something")
	require.Greater(t, completed, 60, "fields that option.Positive completes")
}

// noteMeanings notes the fields of options whose documentation gives a negative value a meaning.
func noteMeanings(d *ast.GenDecl, means map[string]bool) {
	for _, spec := range d.Specs {
		of, ok := spec.(*ast.TypeSpec)
		if !ok {
			continue
		}
		body, ok := of.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, field := range body.Fields.List {
			about := strings.Join(strings.Fields(field.Doc.Text()+" "+field.Comment.Text()), " ")
			if !negativeMeans.MatchString(about) {
				continue
			}
			for _, name := range field.Names {
				means[of.Name.Name+"."+name.Name] = true
			}
		}
	}
}

// notePositives notes what a method of options, or a function about Options, completes by option.Positive.
func notePositives(d *ast.FuncDecl, fset *token.FileSet, positive map[string]token.Position) {
	options := "Options"
	if d.Recv != nil {
		options = strings.TrimPrefix(types.ExprString(d.Recv.List[0].Type), "*")
	}
	ast.Inspect(d, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		f, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || f.Sel.Name != "Positive" {
			return true
		}
		if field, ok := call.Args[0].(*ast.SelectorExpr); ok {
			positive[options+"."+field.Sel.Name] = fset.Position(call.Pos())
		}
		return true
	})
}
