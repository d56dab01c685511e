//go:build !linux

package lab

import "os"

func syncData(f *os.File) error { return f.Sync() }
