package redistest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// TB is what this package needs of a *testing.T, *testing.B or *testing.F.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
	Context() context.Context
}

// patience bounds what is done for a test and not by it.
const patience = time.Minute

var shared struct {
	once   sync.Once
	server *Server
	err    error
}

// Shared returns the server that all tests of this process share. It is started, or found by TENON_TEST_REDIS_URL, at
// the first call and ends with the process.
func Shared(t TB) *Server {
	t.Helper()
	shared.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if url := os.Getenv("TENON_TEST_REDIS_URL"); url != "" {
			shared.server, shared.err = borrow(ctx, url)
			return
		}
		shared.server, shared.err = Start(ctx, nil)
	})
	if shared.err != nil {
		t.Fatalf("%v", shared.err)
	}
	return shared.server
}

// borrow uses a server that is not ours.
func borrow(ctx context.Context, url string) (*Server, error) {
	opts, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("redistest: TENON_TEST_REDIS_URL: %w", err)
	}
	client := redis.NewClient(opts)
	defer client.Close()
	if err := client.Ping(ctx).Err(); err != nil {
		return nil, fmt.Errorf("redistest: TENON_TEST_REDIS_URL: %w", err)
	}
	return &Server{external: url}, nil
}

// Client returns a client of the [Shared] server, which is closed when the test ends.
func Client(t TB) *redis.Client {
	t.Helper()
	client := redis.NewClient(Shared(t).Options())
	t.Cleanup(func() { _ = client.Close() })
	return client
}
