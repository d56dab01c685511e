// Command locate prints the folder and the version of the Postgres that tests would start, or says where it looked and
// how to install one, and fails.
package main

import (
	"fmt"
	"os"

	"github.com/transbotai/tenon/internal/pgtest"
)

func main() {
	b, err := pgtest.Locate()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(b.Dir, b.Version)
}
