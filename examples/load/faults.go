package main

import (
	"context"

	"github.com/transbotai/tenon/examples/load/internal/agree"
	"github.com/transbotai/tenon/examples/load/internal/traffic"
)

type faults struct{}

func (s *session) breakThings(context.Context) *faults { return nil }

func (f *faults) end() ([]agree.Loss, []traffic.Gap, error) { return nil, nil, nil }
