package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// The client's types are those of the document: go test -run TestTypesAreTheContracts -update writes them.
func TestTypesAreTheContracts(t *testing.T) {
	t.Parallel()
	schemas := readContract(t).at("components", "schemas").(map[string]any)
	var b strings.Builder
	b.WriteString("// The types of openapi.json. Generated: go test ./examples/transbot -run TestTypesAreTheContracts -update\n")
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		schema := schemas[name].(map[string]any)
		fmt.Fprintf(&b, "\n%sexport interface %s %s\n", comment(schema, ""), name, typeOf(schema, ""))
	}
	if *update {
		require.NoError(t, os.WriteFile("web/types.ts", []byte(b.String()), 0o644))
	}
	written, err := os.ReadFile("web/types.ts")
	require.NoError(t, err)
	require.Equal(t, b.String(), string(written))
}

// typeOf writes a schema as a type of TypeScript, at an indentation.
func typeOf(schema map[string]any, indent string) string {
	if ref, ok := schema["$ref"].(string); ok {
		return ref[strings.LastIndexByte(ref, '/')+1:]
	}
	if one, ok := schema["oneOf"].([]any); ok {
		return union(one, func(v any) string { return typeOf(v.(map[string]any), indent) })
	}
	if values, ok := schema["enum"].([]any); ok {
		return union(values, func(v any) string { return fmt.Sprintf("%q", v) })
	}
	if value, ok := schema["const"]; ok {
		return fmt.Sprintf("%q", value)
	}
	if kinds, ok := schema["type"].([]any); ok {
		return union(kinds, func(kind any) string { return typeNamed(kind.(string), schema, indent) })
	}
	kind, _ := schema["type"].(string)
	return typeNamed(kind, schema, indent)
}

func union(list []any, write func(any) string) string {
	all := make([]string, len(list))
	for i, v := range list {
		all[i] = write(v)
	}
	return strings.Join(all, " | ")
}

func typeNamed(kind string, schema map[string]any, indent string) string {
	switch kind {
	case "string", "boolean", "null":
		return kind
	case "integer", "number":
		return "number"
	case "array":
		items, _ := schema["items"].(map[string]any)
		return "Array<" + typeOf(items, indent) + ">"
	case "object":
		return objectOf(schema, indent)
	}
	return "unknown"
}

func objectOf(schema map[string]any, indent string) string {
	properties, ok := schema["properties"].(map[string]any)
	if !ok {
		return "Record<string, unknown>"
	}
	required, _ := schema["required"].([]any)
	var b strings.Builder
	b.WriteString("{\n")
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		property, mark := properties[name].(map[string]any), "?"
		if slices.Contains(required, any(name)) {
			mark = ""
		}
		fmt.Fprintf(&b, "%s%s  %s%s: %s;\n", comment(property, indent+"  "), indent, name, mark, typeOf(property, indent+"  "))
	}
	if schema["additionalProperties"] == true {
		b.WriteString(indent + "  [more: string]: unknown;\n")
	}
	return b.String() + indent + "}"
}

func comment(schema map[string]any, indent string) string {
	text, ok := schema["description"].(string)
	if !ok {
		return ""
	}
	return indent + "/** " + text + " */\n"
}
