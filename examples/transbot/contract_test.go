package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/examples/transbot/internal/web"
)

// contract is the document that the API is held to.
type contract struct {
	doc     any
	schemas *jsonschema.Compiler
}

func readContract(t *testing.T) *contract {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(web.Contract))
	require.NoError(t, err)
	closed, err := jsonschema.UnmarshalJSON(bytes.NewReader(web.Contract))
	require.NoError(t, err)
	closeObjects(closed)
	c := &contract{doc: doc, schemas: jsonschema.NewCompiler()}
	c.schemas.AssertFormat()
	require.NoError(t, c.schemas.AddResource("contract.json", closed))
	return c
}

// closeObjects forbids what a schema does not name, so that nothing is answered that is not documented.
func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["properties"].(map[string]any); ok && v["type"] != nil && v["additionalProperties"] == nil {
			v["additionalProperties"] = false
		}
		for _, inner := range v {
			closeObjects(inner)
		}
	case []any:
		for _, inner := range v {
			closeObjects(inner)
		}
	}
}

// at returns what stands at a path of the document, through references; nil when there is nothing.
func (c *contract) at(path ...string) any {
	v := c.doc
	for _, name := range path {
		object, _ := c.follow(v).(map[string]any)
		v = object[name]
	}
	return c.follow(v)
}

func (c *contract) follow(v any) any {
	if object, ok := v.(map[string]any); ok {
		if ref, ok := object["$ref"].(string); ok {
			return c.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
	}
	return v
}

// operation is a method and a path of the document: {"paths", "/api/quotes", "post"}.
type operation struct{ path, method string }

func (o operation) name() string { return strings.ToUpper(o.method) + " " + o.path }

// documented is the operation of a route.
func documented(r web.Route) operation {
	return operation{strings.TrimSuffix(r.Path, "{$}"), strings.ToLower(r.Method)}
}

func (c *contract) operations() (all []operation) {
	for path, item := range c.at("paths").(map[string]any) {
		for method := range item.(map[string]any) {
			all = append(all, operation{path, method})
		}
	}
	slices.SortFunc(all, func(a, b operation) int { return strings.Compare(a.name(), b.name()) })
	return all
}

func (c *contract) of(o operation, path ...string) any {
	return c.at(append([]string{"paths", o.path, o.method}, path...)...)
}

// requireKept checks an answer against what the document says of the operation.
func (c *contract) requireKept(t *testing.T, o operation, r reply) {
	t.Helper()
	status := strconv.Itoa(r.status)
	documented, ok := c.of(o, "responses", status).(map[string]any)
	require.True(t, ok, "%s answers %s, of which the contract knows nothing: %s", o.name(), status, r.body)
	headers, _ := documented["headers"].(map[string]any)
	for name := range headers {
		header := c.of(o, "responses", status, "headers", name).(map[string]any)
		value := r.header.Get(name)
		require.NotEmpty(t, value, "%s %s: header %s", o.name(), status, name)
		c.requireHeader(t, name, header["schema"].(map[string]any), value)
	}
	content, ok := documented["content"].(map[string]any)
	if !ok {
		require.Empty(t, r.body, o.name())
		return
	}
	kind, _, _ := strings.Cut(r.header.Get("Content-Type"), ";")
	require.Contains(t, content, kind, "%s %s", o.name(), status)
	schema, err := c.schemas.Compile(c.schemaAt(o, status, kind))
	require.NoError(t, err)
	require.NoError(t, schema.Validate(parsed(t, kind, r.body)), "%s %s: %s", o.name(), status, r.body)
}

func (c *contract) requireHeader(t *testing.T, name string, schema map[string]any, value string) {
	t.Helper()
	own, err := c.schemas.Compile("contract.json#/components/headers/" + name + "/schema")
	require.NoError(t, err)
	var v any = value
	if schema["type"] == "integer" {
		v = json.Number(value)
	}
	require.NoError(t, own.Validate(v), "header %s: %s", name, value)
}

// schemaAt is the address of the schema of an answer.
func (c *contract) schemaAt(o operation, status, kind string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1").Replace
	response := "/paths/" + escape(o.path) + "/" + o.method + "/responses/" + status
	if raw, _ := c.rawResponse(o, status)["$ref"].(string); raw != "" {
		response = strings.TrimPrefix(raw, "#")
	}
	return "contract.json#" + response + "/content/" + escape(kind) + "/schema"
}

func (c *contract) rawResponse(o operation, status string) map[string]any {
	return c.of(o, "responses").(map[string]any)[status].(map[string]any)
}

// parsed is a body as a validator takes it: text, unless it is JSON.
func parsed(t *testing.T, kind, body string) any {
	t.Helper()
	if !strings.HasSuffix(kind, "json") {
		return body
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
	require.NoError(t, err, body)
	return v
}

func TestContractIsOpenAPI(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/openapi-3.1/schema.json")
	require.NoError(t, err)
	defer file.Close()
	meta, err := jsonschema.UnmarshalJSON(file)
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	require.NoError(t, compiler.AddResource("openapi.json", meta))
	schema, err := compiler.Compile("openapi.json")
	require.NoError(t, err)
	c := readContract(t)
	require.NoError(t, schema.Validate(c.doc))

	for name := range c.at("components", "schemas").(map[string]any) {
		_, err := c.schemas.Compile("contract.json#/components/schemas/" + name)
		require.NoError(t, err)
	}
}

func TestContractHasEveryRouteAndNoOther(t *testing.T) {
	t.Parallel()
	var served, told []string
	for _, r := range web.Routes() {
		if r.API() {
			served = append(served, documented(r).name())
		}
	}
	for _, o := range readContract(t).operations() {
		told = append(told, o.name())
	}
	require.ElementsMatch(t, served, told)
}

func TestContractIsServedToEverybody(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.do(http.DefaultClient, mustRequest(t, s.url+"/api/openapi.json"))
	require.Equal(t, http.StatusOK, r.status)
	require.JSONEq(t, string(web.Contract), r.body)
	again := mustRequest(t, s.url+"/api/openapi.json")
	again.Header.Set("If-None-Match", r.header.Get("ETag"))
	require.Equal(t, http.StatusNotModified, s.do(http.DefaultClient, again).status)
}
