// Command auditverify checks an export of an audit log by itself: without the service that wrote it, without its database
// and without a network. It needs the log's public key, from somebody whom you trust more than the file:
//
//	auditverify audit.example.com+6b1b…+Abc… export.jsonl
//
// Without a file it reads standard input. With -checkpoint it prints the signed checkpoint, to compare with an anchor's.
// The status is
//
//	0  every record is what was sealed, and none was taken out
//	1  tampered with, or signed by another key; what is printed says which record or line
//	2  it could not be told: no such file, no key
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/transbotai/tenon/audit"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("auditverify", flag.ContinueOnError)
	flags.SetOutput(stderr)
	note := flags.Bool("checkpoint", false, "print the checkpoint that the export is proven by")
	if flags.Parse(args) != nil {
		return 2
	}
	summary, err := verify(flags.Args(), stdin)
	switch {
	case errors.Is(err, audit.ErrTampered):
		fmt.Fprintln(stdout, "TAMPERED:", err)
		return 1
	case err != nil:
		fmt.Fprintln(stderr, "auditverify:", err)
		return 2
	}
	fmt.Fprintf(stdout, "OK: %d records of %s as of %s, %d with erased parts, %d let go of by retention\n",
		summary.Records, summary.Origin, summary.At.Format("2006-01-02 15:04:05 MST"), summary.Redacted, summary.Absent)
	if *note {
		fmt.Fprint(stdout, "\n", summary.Checkpoint)
	}
	return 0
}

var errUsage = errors.New("usage: auditverify [-checkpoint] key [file]")

func verify(args []string, r io.Reader) (audit.Summary, error) {
	if len(args) < 1 || len(args) > 2 {
		return audit.Summary{}, errUsage
	}
	key, err := audit.ParseVerifier(args[0])
	if err != nil {
		return audit.Summary{}, err
	}
	if len(args) == 2 {
		file, err := os.Open(args[1])
		if err != nil {
			return audit.Summary{}, err
		}
		defer file.Close()
		r = file
	}
	return audit.VerifyExport(r, key)
}
