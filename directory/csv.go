package directory

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/transbotai/tenon"
)

// columns are those of a CSV file, in the order in which they are written. In lists, values are separated by ";".
var columns = []string{
	"id", "version", "company_name", "description", "services", "regions", "contact_email", "website", "show_contact",
	"is_public", "language", "zone",
}

const (
	maxLines  = 20_000
	maxRecord = 64 << 10 // bytes of a line's cells
)

// ImportReport is what came of an import.
type ImportReport struct {
	Created, Saved, Unchanged int
	Refused                   []Refusal
}

// Refusal is a line that was not imported, and why.
type Refusal struct {
	Line   int    `json:"line"` // of the file, from 1, the heading included
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason"`
}

// ImportCSV reads partners of a tenant from CSV and keeps each as a draft: those without an id are created, those with
// one are saved when they differ. The first line names the columns, in any order; company_name is required, of the
// others those that are absent stay as they are. A line that is refused is reported with its number, the field and the
// reason, and does not keep the others from being kept. An error is returned when the file cannot be read as CSV at
// all, and with what was done until then, when the store fails; importing the same file again is safe for lines with an
// id alone. At most 20,000 lines are read, and nothing after one that is longer than 256 KiB.
func (b *Book) ImportCSV(ctx context.Context, tenant string, file io.Reader) (*ImportReport, error) {
	if err := checkTenant(tenant); err != nil {
		return nil, prefix(err)
	}
	lines := &bounded{r: file}
	r := csv.NewReader(lines)
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	heading, err := lines.next(r)
	if err != nil {
		return nil, noHeading(err)
	}
	at, err := places(heading)
	if err != nil {
		return nil, prefix(err)
	}
	res := &ImportReport{}
	for {
		cells, err := lines.next(r)
		if errors.Is(err, io.EOF) {
			return res, nil
		}
		if errors.Is(err, errLine) {
			return res, prefix(err)
		}
		line := 0
		if parse := (*csv.ParseError)(nil); errors.As(err, &parse) {
			line = parse.StartLine
		} else if err == nil {
			line, _ = r.FieldPos(0)
		}
		if line > maxLines {
			return res, prefix(tenon.Invalid("file", "has more than %d lines", maxLines))
		}
		if err == nil {
			err = b.importLine(ctx, tenant, row{at, cells}, res)
		}
		if err := res.refuse(line, err); err != nil {
			return res, err
		}
	}
}

// bounded reads a file of which no line is endless.
type bounded struct {
	r    io.Reader
	left int // bytes that may be read for the present line
}

// errLine says that a line is so long that it is not read to its end, nor what comes after it.
var errLine = tenon.Invalid("line", "is longer than %d bytes", readAhead)

// readAhead is more than a line of maxRecord has, every sign of it quoted, with what is read before it is asked for.
const readAhead = 4 * maxRecord

// next reads a line of r, which reads from b.
func (b *bounded) next(r *csv.Reader) ([]string, error) {
	b.left = readAhead
	return r.Read()
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLine
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// noHeading returns why there is no first line; an error of the reader's own stays what it is.
func noHeading(err error) error {
	if errors.Is(err, io.EOF) || errors.As(err, new(*csv.ParseError)) {
		err = tenon.Invalid("file", "has no line with the names of columns")
	}
	return prefix(err)
}

// places returns where each column stands.
func places(heading []string) (map[string]int, error) {
	at := map[string]int{}
	for i, name := range heading {
		name = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\uFEFF")))
		if !slices.Contains(columns, name) {
			return nil, tenon.Invalid("file", "has the column %.40q, which is none of %s", name, strings.Join(columns, ", "))
		}
		if _, twice := at[name]; twice {
			return nil, tenon.Invalid("file", "has the column %s twice", name)
		}
		at[name] = i
	}
	if _, ok := at["company_name"]; !ok {
		return nil, tenon.Invalid("file", "has no column company_name")
	}
	return at, nil
}

// refuse notes why a line was refused; an error that is not the line's own is returned.
func (i *ImportReport) refuse(line int, err error) error {
	var field *tenon.FieldError
	var parse *csv.ParseError
	switch {
	case err == nil:
	case errors.As(err, &field):
		i.Refused = append(i.Refused, Refusal{line, field.Field, field.Reason})
	case errors.As(err, &parse):
		i.Refused = append(i.Refused, Refusal{line, "", parse.Err.Error()})
	case errors.Is(err, ErrUnknownPartner):
		i.Refused = append(i.Refused, Refusal{line, "id", "is not a partner of the tenant"})
	case errors.Is(err, ErrVersion):
		i.Refused = append(i.Refused, Refusal{line, "version", "is not the newest"})
	default:
		return err
	}
	return nil
}

// row is a line of a file.
type row struct {
	at    map[string]int
	cells []string
}

// cell returns a column's text, and false where the file does not have the column, or the line ends before it.
func (r row) cell(name string) (string, bool) {
	i, ok := r.at[name]
	if !ok || i >= len(r.cells) {
		return "", false
	}
	return inert(strings.TrimSpace(r.cells[i])), true
}

func (b *Book) importLine(ctx context.Context, tenant string, r row, res *ImportReport) error {
	if len(r.cells) > len(r.at) {
		return tenon.Invalid("line", "has %d cells, and there are %d columns", len(r.cells), len(r.at))
	}
	size := 0
	for _, c := range r.cells {
		size += len(c)
	}
	if size > maxRecord {
		return tenon.Invalid("line", "is longer than %d bytes", maxRecord)
	}
	id, _ := r.cell("id")
	if id == "" {
		p, err := r.profile(Profile{})
		if err == nil {
			_, err = b.Create(ctx, tenant, p)
		}
		if err == nil {
			res.Created++
		}
		return err
	}
	return b.importSaved(ctx, Ref{tenant, id}, r, res)
}

// importSaved saves a line with an id, when it differs from the draft.
func (b *Book) importSaved(ctx context.Context, ref Ref, r row, res *ImportReport) error {
	d, err := b.Partner(ctx, ref)
	if err != nil {
		return err
	}
	if text, ok := r.cell("version"); ok && text != "" && text != strconv.Itoa(d.Version) {
		return ErrVersion
	}
	p, err := r.profile(d.Draft)
	if err != nil {
		return err
	}
	if p, err = p.Normalize(); err != nil {
		return err
	}
	if p.equal(d.Draft) {
		res.Unchanged++
		return nil
	}
	if _, err = b.Save(ctx, ref, d.Version, p); err == nil {
		res.Saved++
	}
	return err
}

func (p Profile) equal(o Profile) bool { return string(asJSON(p)) == string(asJSON(o)) }

// profile lays the cells over p.
func (r row) profile(p Profile) (Profile, error) {
	for name, to := range map[string]*string{
		"company_name": &p.Name, "description": &p.Description, "contact_email": &p.Contact, "website": &p.Website,
		"language": &p.Language, "zone": &p.Zone,
	} {
		if text, ok := r.cell(name); ok {
			*to = text
		}
	}
	for name, to := range map[string]*[]string{"services": &p.Services, "regions": &p.Regions} {
		if text, ok := r.cell(name); ok {
			*to = list(text)
		}
	}
	for name, to := range map[string]*bool{"show_contact": &p.ShowContact, "is_public": &p.Public} {
		text, ok := r.cell(name)
		if !ok || text == "" {
			continue
		}
		yes, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return p, tenon.Invalid(name, "%.20q is not true or false", text)
		}
		*to = yes
	}
	return p, nil
}

func list(text string) []string {
	var all []string
	for v := range strings.SplitSeq(text, ";") {
		if v = strings.TrimSpace(v); v != "" {
			all = append(all, v)
		}
	}
	return all
}

// ExportCSV writes the drafts of a tenant as CSV that ImportCSV reads. Cells that a spreadsheet would take for formulas
// begin with an apostrophe, which ImportCSV takes away.
func (b *Book) ExportCSV(ctx context.Context, tenant string, to io.Writer) error {
	if err := checkTenant(tenant); err != nil {
		return prefix(err)
	}
	w := csv.NewWriter(to)
	if err := w.Write(columns); err != nil {
		return err
	}
	for q := (ListQuery{Tenant: tenant, Limit: 500}); ; {
		found, err := b.List(ctx, q)
		if err != nil {
			return err
		}
		for _, d := range found {
			if err := w.Write(cells(d)); err != nil {
				return err
			}
			q.After = d.ID
		}
		if len(found) < q.Limit {
			w.Flush()
			return w.Error()
		}
	}
}

func cells(d *Dossier) []string {
	p := d.Draft
	all := []string{
		d.ID, strconv.Itoa(d.Version), p.Name, p.Description, strings.Join(p.Services, ";"), strings.Join(p.Regions, ";"),
		p.Contact, p.Website, fmt.Sprint(p.ShowContact), fmt.Sprint(p.Public), p.Language, p.Zone,
	}
	for i, text := range all {
		if text != "" && strings.ContainsRune("=+-@'", rune(text[0])) {
			all[i] = "'" + text
		}
	}
	return all
}

// inert takes away the apostrophe with which ExportCSV begins what looks like a formula.
func inert(text string) string {
	if len(text) > 1 && text[0] == '\'' && strings.ContainsRune("=+-@'", rune(text[1])) {
		return text[1:]
	}
	return text
}
