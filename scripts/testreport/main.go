// Command testreport reads what go test -json prints and shows what a person wants to see: a line for each package,
// and the output of what failed. It fails when a test failed, when none ran, and, with TENON_REQUIRE set, when one was
// skipped: a skipped test has proved nothing.
//
//	go test -json ./... | go run ./scripts/testreport
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	r := report{out: os.Stdout, output: map[id][]string{}}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "testreport:", err)
		os.Exit(1)
	}
	if !r.summary(os.Getenv("TENON_REQUIRE") != "") {
		os.Exit(1)
	}
}

// event is a line of go test -json; see go doc test2json.
type event struct {
	Action, Package, Test, Output string
	ImportPath                    string // of a build
}

// id is a test, a package when the test is empty, or a build.
type id struct{ pkg, test string }

type report struct {
	out            io.Writer
	output         map[id][]string
	passed, failed int
	broken         int // packages that failed as a whole: a build, a panic, TestMain
	skipped        []string
}

func (r *report) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(r.out, lines.Text()) // go's own words
			continue
		}
		r.add(e)
	}
	return lines.Err()
}

func (r *report) add(e event) {
	key := id{e.Package + e.ImportPath, e.Test}
	switch e.Action {
	case "output", "build-output":
		r.output[key] = append(r.output[key], e.Output)
		return
	case "pass", "fail", "skip", "build-fail":
	default:
		return
	}
	if e.Test == "" {
		r.endPackage(e, key)
	} else {
		r.endTest(e, key)
	}
	delete(r.output, key)
}

func (r *report) endTest(e event, key id) {
	switch e.Action {
	case "pass":
		r.passed++
	case "skip":
		r.skipped = append(r.skipped, e.Package+"."+e.Test+": "+reason(r.output[key]))
	case "fail":
		r.failed++
		r.show(key)
	}
}

// endPackage prints the package's last line, or everything when the package failed; what its tests printed is shown
// with them.
func (r *report) endPackage(e event, key id) {
	if e.Action == "fail" || e.Action == "build-fail" {
		r.broken++
		for open := range r.output { // cut short by a panic or the time limit
			if open.pkg == key.pkg && open.test != "" {
				r.show(open)
				delete(r.output, open)
			}
		}
		r.show(key)
		return
	}
	if lines := r.output[key]; len(lines) > 0 {
		fmt.Fprint(r.out, lines[len(lines)-1])
	}
}

func (r *report) show(key id) { fmt.Fprint(r.out, strings.Join(r.output[key], "")) }

// reason joins what a skipped test said, without the lines that frame it.
func reason(output []string) string {
	var said []string
	for _, line := range output {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			said = append(said, line)
		}
	}
	return strings.Join(said, " ")
}

// summary prints the counts and tells whether all is well.
func (r *report) summary(strict bool) bool {
	for _, s := range r.skipped {
		fmt.Fprintln(r.out, "--- SKIP:", s)
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, len(r.skipped))
	if strict && len(r.skipped) > 0 {
		fmt.Fprintln(r.out, "skipped tests count as failures, since TENON_REQUIRE is set")
		return false
	}
	return r.failed+r.broken == 0 && r.passed > 0
}
