package kpihttp

import (
	"encoding/csv"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/httpjson"
	"github.com/transbotai/tenon/kpi"
)

// Reader is who asks for figures.
type Reader struct {
	Tenant string // whose figures the reader sees; empty with All alone
	All    bool   // sees every tenant's, and all together
}

// ReaderFunc returns who asks, by what the host's authentication has found out. An error gives 401, one of the class
// [tenon.ErrUnavailable] 503. It must not trust what a client can set at will.
type ReaderFunc func(r *http.Request) (Reader, error)

// Figures returns a handler that shows KPIs:
//
//	GET /{name}          the report, as JSON or CSV
//	GET /{name}/explain  what is counted, in words and in SQL; the SQL for readers of all tenants alone
//	GET /                the definitions
//
// The query parameters are those of [kpi.Query]: from and to (RFC 3339), last, grain, zone, split, and for readers of
// all tenants tenant. Mount it under a prefix with [http.StripPrefix]. It panics when board or reader is nil.
func Figures(board *kpi.Board, reader ReaderFunc, opts *Options) http.Handler {
	if board == nil || reader == nil {
		panic("kpihttp: nil board or reader")
	}
	h := &figures{board: board, reader: reader}
	options := opts.withDefaults()
	f := options.failure()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", f.Handle(h.list))
	mux.HandleFunc("GET /{name}", f.Handle(h.report))
	mux.HandleFunc("GET /{name}/explain", f.Handle(h.explain))
	return httpjson.Mux(mux)
}

type figures struct {
	board  *kpi.Board
	reader ReaderFunc
}

// unknownKPI is also what a tenant is told that another one's figures are asked for.
var unknownKPI = httpjson.New(http.StatusNotFound, "unknown-kpi", "There is no such KPI.")

func (h *figures) who(r *http.Request) (Reader, error) {
	who, err := h.reader(r)
	return who, httpjson.Identified(who.Tenant != "" || who.All, err)
}

func (h *figures) list(w http.ResponseWriter, r *http.Request) error {
	if _, err := h.who(r); err != nil {
		return err
	}
	kpis, err := h.board.KPIs(r.Context())
	if err != nil {
		return err
	}
	if kpis == nil {
		kpis = []kpi.KPI{}
	}
	httpjson.Answer(w, r, http.StatusOK, map[string][]kpi.KPI{"kpis": kpis})
	return nil
}

func (h *figures) report(w http.ResponseWriter, r *http.Request) error {
	q, _, err := h.query(r)
	if err != nil {
		return err
	}
	report, err := h.board.Read(r.Context(), q)
	if err != nil {
		return told(err)
	}
	if wantsCSV(r) {
		writeCSV(w, r, &report)
		return nil
	}
	httpjson.Answer(w, r, http.StatusOK, report)
	return nil
}

func (h *figures) explain(w http.ResponseWriter, r *http.Request) error {
	q, who, err := h.query(r)
	if err != nil {
		return err
	}
	explanation, err := h.board.Explain(r.Context(), q)
	if err != nil {
		return told(err)
	}
	if !who.All {
		explanation.SQL = nil
	}
	httpjson.Answer(w, r, http.StatusOK, explanation)
	return nil
}

func told(err error) error {
	if errors.Is(err, kpi.ErrUnknownKPI) {
		return unknownKPI
	}
	return err
}

// query reads what is asked for. A reader of one tenant gets that tenant's figures.
func (h *figures) query(r *http.Request) (q kpi.Query, who Reader, err error) {
	if who, err = h.who(r); err != nil {
		return q, who, err
	}
	v := r.URL.Query()
	q = kpi.Query{KPI: r.PathValue("name"), Tenant: v.Get("tenant"), Grain: kpi.Grain(v.Get("grain")), Zone: v.Get("zone")}
	if !who.All {
		if q.Tenant != "" && q.Tenant != who.Tenant {
			return q, who, unknownKPI
		}
		q.Tenant = who.Tenant
	}
	last, err := httpjson.Number(r, "last", 0, 1, 4000)
	if err != nil {
		return q, who, err
	}
	q.Last = int(last)
	for name, t := range map[string]*time.Time{"from": &q.From, "to": &q.To} {
		if text := v.Get(name); text != "" {
			if *t, err = time.Parse(time.RFC3339, text); err != nil {
				return q, who, tenon.Invalid(name, "is no time as RFC 3339 writes it")
			}
		}
	}
	if text := v.Get("split"); text != "" {
		if q.Split, err = strconv.ParseBool(text); err != nil {
			return q, who, tenon.Invalid("split", "is neither true nor false")
		}
	}
	return q, who, nil
}

func wantsCSV(r *http.Request) bool {
	if format := r.URL.Query().Get("format"); format != "" {
		return format == "csv"
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		kind, _, err := mime.ParseMediaType(part)
		if err == nil && (kind == "text/csv" || kind == "application/json") {
			return kind == "text/csv"
		}
	}
	return false
}

// header names the columns of CSV. Those that a kind of KPI does not have are empty.
var header = []string{"start", "end", "date", "group", "value", "known", "sample", "count", "immature", "sum", "mean_seconds"}

func writeCSV(w http.ResponseWriter, r *http.Request, report *kpi.Report) {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": report.KPI.Name + ".csv"}))
	if r.Method == http.MethodHead {
		return
	}
	out := csv.NewWriter(w)
	_ = out.Write(header) // to a client that may go away
	for i := range report.Points {
		_ = out.Write(line(&report.Points[i]))
	}
	out.Flush()
}

func line(p *kpi.Point) []string {
	value, sum, mean := "", "", ""
	if p.Known {
		value = strconv.FormatFloat(p.Value, 'f', -1, 64)
	}
	if p.Sum != nil {
		sum = p.Sum.String()
	}
	if p.Mean > 0 {
		mean = strconv.FormatFloat(p.Mean.Seconds(), 'f', 3, 64)
	}
	return []string{
		p.Start.Format(time.RFC3339), p.End.Format(time.RFC3339), p.Date, plain(p.Group), value, strconv.FormatBool(p.Known),
		strconv.FormatInt(p.Sample, 10), strconv.FormatInt(p.Count, 10), strconv.FormatBool(p.Immature), sum, mean,
	}
}

// plain keeps a spreadsheet from taking a group, which comes from a client, for a formula; some take full-width signs for
// one too.
func plain(s string) string {
	if first, size := utf8.DecodeRuneInString(s); size > 0 && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "'" + s
	}
	return s
}
