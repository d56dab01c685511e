package entitlementsstripe_test

import (
	"testing"

	"github.com/transbotai/tenon/internal/proctest"
)

func TestMain(m *testing.M) { proctest.Main(m, map[string]proctest.Work{"report": reportUsage}) }
