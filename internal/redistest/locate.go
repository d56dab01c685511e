package redistest

import (
	"errors"
	"os/exec"
)

var errNoServer = errors.New(`redistest: no redis-server on PATH. Install it:
  Debian, Ubuntu   make deps   (or: apt-get install redis-server)
  macOS            make deps   (or: brew install redis)
  elsewhere        your system's package redis, or set TENON_TEST_REDIS_URL to a server for tests`)

// Locate returns the path of redis-server.
func Locate() (string, error) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		return "", errNoServer
	}
	return path, nil
}
