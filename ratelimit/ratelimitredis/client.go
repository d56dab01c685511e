package ratelimitredis

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/internal/msgpack"
)

// once is a command that go-redis does not send again by itself, whatever the client's MaxRetries: a first one that was
// not answered may have been carried out, and a second would count twice. What a Cluster sends elsewhere (MOVED, ASK)
// was not carried out, and is sent on.
type once struct{ *redis.StringCmd }

// NoRetry tells go-redis.
func (once) NoRetry() bool { return true }

func newOnce(ctx context.Context, command, script string, c *call) once {
	args := make([]any, 0, 4+len(c.keys))
	args = append(args, command, script, len(c.keys))
	for _, key := range c.keys {
		args = append(args, key)
	}
	return once{redis.NewStringCmd(ctx, append(args, msgpack.Pack(c.numbers))...)}
}

// answer is what came of a call.
type answer struct {
	text string
	err  error
}

// run carries the calls out. A server that does not know the script has not begun, so what it refused is sent again with
// the script, which it keeps.
//
// Calls of one server may name the same keys, so they go one after the other: sent together, one that is refused so
// would come after the next. Those of a cluster name a key each, and go together.
func (s *Store) run(ctx context.Context, calls []call) []answer {
	answers := make([]answer, len(calls))
	todo := make([]int, len(calls))
	for i := range todo {
		todo[i] = i
	}
	if !s.single {
		s.runTogether(ctx, calls, todo, answers)
		return answers
	}
	for i := range todo {
		s.runTogether(ctx, calls, todo[i:i+1], answers)
	}
	return answers
}

func (s *Store) runTogether(ctx context.Context, calls []call, todo []int, answers []answer) {
	if todo = s.send(ctx, "evalsha", settleScript.Hash(), calls, todo, answers); len(todo) > 0 {
		s.send(ctx, "eval", settleSource, calls, todo, answers)
	}
}

// send sends the calls that todo names and returns those of which the script is not known.
func (s *Store) send(
	ctx context.Context, command, script string, calls []call, todo []int, answers []answer,
) (unknown []int) {
	commands := make([]once, len(todo))
	for i, n := range todo {
		commands[i] = newOnce(ctx, command, script, &calls[n])
	}
	s.exec(ctx, commands)
	for i, n := range todo {
		answers[n].text, answers[n].err = commands[i].Result()
		if redis.HasErrorPrefix(answers[n].err, "NOSCRIPT") {
			unknown = append(unknown, n)
		}
	}
	return unknown
}

// exec sends the commands; each then has its answer or its error.
func (s *Store) exec(ctx context.Context, commands []once) {
	if len(commands) == 1 {
		_ = s.client.Process(ctx, commands[0])
		return
	}
	pipe := s.client.Pipeline()
	for _, c := range commands {
		_ = pipe.Process(ctx, c)
	}
	_, _ = pipe.Exec(ctx)
}

// translate gives errors of Redis and of the connection their class. What the script itself got wrong keeps none, and
// what has one keeps that.
func translate(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, tenon.ErrInvalid) {
		return err
	}
	var answer redis.Error
	if errors.As(err, &answer) && !away(answer) {
		return err
	}
	return fmt.Errorf("%w: %w", tenon.ErrUnavailable, err)
}

// away says whether an answer means that the server cannot decide now.
func away(answer error) bool {
	for _, prefix := range []string{
		"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "OOM", "MISCONF", "NOREPLICAS",
		"ERR max number of clients",
	} {
		if redis.HasErrorPrefix(answer, prefix) {
			return true
		}
	}
	return false
}
