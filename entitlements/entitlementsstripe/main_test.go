package entitlementsstripe_test

import (
	"context"
	"fmt"
	"os"
	"testing"
)

// childEnv, when set, makes this binary a process that reports usage and ends. Its value is a childOrder as JSON.
const childEnv = "TENON_ENTITLEMENTSSTRIPE_CHILD"

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		if err := runChild(context.Background(), text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}
