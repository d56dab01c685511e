package kpihttp_test

import (
	"encoding/csv"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon/internal/httpjson"
	"github.com/transbotai/tenon/kpi"
	"github.com/transbotai/tenon/kpi/kpihttp"
)

func TestAListOfNoKPIsIsAList(t *testing.T) {
	t.Parallel()
	w := get(t, site(t, clocked{kpi.NewMemoryStore(nil)}, nil), "acme", "/kpi/")
	require.Equal(t, 200, w.Code)
	require.JSONEq(t, `{"kpis": []}`, w.Body.String())
}

func TestATenantSeesItsOwnFiguresAlone(t *testing.T) {
	t.Parallel()
	h := site(t, filled(t), nil)
	for _, c := range []struct {
		who, path string
		status    int
		sum       string
	}{
		{"acme", "/kpi/amount?last=1", 200, "12.5"},
		{"acme", "/kpi/amount?last=1&tenant=acme", 200, "12.5"},
		{"acme", "/kpi/amount?tenant=zenith", 404, ""},
		{"other", "/kpi/amount?last=1", 200, "0"},
		{"staff", "/kpi/amount?last=1", 200, "1012.5"},
		{"staff", "/kpi/amount?last=1&tenant=zenith", 200, "1000"},
		{"", "/kpi/amount", 401, ""},
		{"acme", "/kpi/unknown", 404, ""},
	} {
		w := get(t, h, c.who, c.path)
		require.Equal(t, c.status, w.Code, c.path)
		if c.status == 200 {
			r := read[kpi.Report](t, w)
			require.Len(t, r.Points, 1)
			require.Equal(t, c.sum, r.Points[0].Sum.String(), c.who+c.path)
		}
	}
	one := read[httpjson.Problem](t, get(t, h, "acme", "/kpi/amount?tenant=zenith"))
	two := read[httpjson.Problem](t, get(t, h, "acme", "/kpi/unknown"))
	require.Equal(t, two, one, "another tenant's figures are as unknown as those of no KPI")
}

func TestAQueryThatCannotBeRightIsRefused(t *testing.T) {
	t.Parallel()
	h := site(t, filled(t), nil)
	for _, query := range []string{
		"zone=Mars/Phobos", "zone=Local", "grain=minute", "last=0", "last=4001", "last=x", "from=yesterday", "split=perhaps",
		"from=2026-03-01T00:00:00Z", "from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "last=2&from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z",
	} {
		w := get(t, h, "acme", "/kpi/amount?"+query)
		require.Equal(t, 400, w.Code, query)
		require.NotContains(t, w.Body.String(), "perhaps")
	}
}

func TestCSVHoldsWhatTheReportDoes(t *testing.T) {
	t.Parallel()
	h := site(t, filled(t), nil)
	for _, w := range []*httptest.ResponseRecorder{
		get(t, h, "acme", "/kpi/amount?last=1&split=true", "Accept", "text/csv, application/json;q=0.5"),
		get(t, h, "acme", "/kpi/amount?last=1&split=true&format=csv"),
	} {
		require.Equal(t, 200, w.Code)
		require.Equal(t, `attachment; filename=amount.csv`, w.Header().Get("Content-Disposition"))
		require.Equal(t, "start,end,date,group,value,known,sample,count,immature,sum,mean_seconds\n"+
			"2026-03-10T00:00:00Z,2026-03-11T00:00:00Z,2026-03-10,'=cmd(),12.5,true,1,1,true,12.5,\n", w.Body.String())
	}
	json := get(t, h, "acme", "/kpi/amount", "Accept", "*/*")
	require.Equal(t, "application/json", json.Header().Get("Content-Type"))
}

func TestOnlyReadersOfAllTenantsSeeSQL(t *testing.T) {
	t.Parallel()
	h := site(t, filled(t), nil)
	w := get(t, h, "acme", "/kpi/amount/explain")
	require.Equal(t, 200, w.Code)
	e := read[kpi.Explanation](t, w)
	require.Contains(t, e.Words, "sum of amount")
	require.Empty(t, e.SQL)
	require.Len(t, read[struct{ KPIs []kpi.KPI }](t, get(t, h, "acme", "/kpi/")).KPIs, 1)
	require.Equal(t, 405, func() int {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/kpi/amount", strings.NewReader(""))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}())
}

func TestWithoutWhatTheyNeedHandlersPanic(t *testing.T) {
	t.Parallel()
	require.Panics(t, func() { kpihttp.Events(nil, keys, nil) })
	require.Panics(t, func() { kpihttp.Figures(nil, reader, nil) })
}

func TestNoGroupIsAFormula(t *testing.T) {
	t.Parallel()
	store := filled(t)
	for _, lane := range []string{"＝1+1", "＠x", "\n=1", "-1", "plain", "Ähre", ""} {
		_, err := kpi.NewTracker(store, nil).Track(t.Context(), kpi.Event{
			Tenant: "acme", Name: "quote_sent", Properties: map[string]any{"amount": 1, "lane": lane},
		})
		require.NoError(t, err)
	}
	w := get(t, site(t, store, nil), "acme", "/kpi/amount?last=1&split=true&format=csv")
	lines, err := csv.NewReader(w.Body).ReadAll()
	require.NoError(t, err)
	var groups []string
	for _, line := range lines[1:] {
		groups = append(groups, line[3])
	}
	require.Equal(t, []string{"", "'\n=1", "'-1", "'=cmd()", "plain", "Ähre", "'＝1+1", "'＠x"}, groups)
}
