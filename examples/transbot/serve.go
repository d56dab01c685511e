package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// drainWithin bounds how long requests under way may take once the program is told to stop.
const drainWithin = 20 * time.Second

// serve answers requests and does the work in the background until ctx is done or something ends by itself. Then it
// says that it is not ready, lets the requests under way finish, and last the background, which they may need.
func (p *platform) serve(ctx context.Context, c config, stdout io.Writer) error {
	listener, err := net.Listen("tcp", c.addr)
	if err != nil {
		return err
	}
	site := p.web(c)
	handler := site.Handler()
	p.control.Attach(handler)
	server := newServer(handler, p.logger)

	background := newGroup(context.WithoutCancel(ctx), p.logger)
	background.run("listener", p.listener.Run)
	background.run("entitlements store", p.store.Run)
	background.run("entitlements gate", p.gate.Run)
	p.sell(background, listener.Addr())
	background.run("flags", p.flags.Run)
	background.run("audit", p.evidence.Log.Run)
	p.list(background)
	p.answer(background)
	p.grow(background, c, listener.Addr())
	background.run("privacy", p.privacy.Run)
	background.run("restore drills", p.restore.Run)
	for name, job := range p.insight.Jobs() {
		background.run(name, job)
	}
	for name, job := range p.control.Jobs() {
		background.run(name, job)
	}
	if err := p.watch(background); err != nil {
		return errors.Join(err, listener.Close(), background.stop())
	}
	background.run("http", func(context.Context) error { return ignoreClosed(server.Serve(listener)) })
	fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())

	select {
	case <-ctx.Done():
	case <-background.ended():
	}
	p.logger.Info("stopping")
	site.Stop()
	time.Sleep(c.linger)
	err = drain(server)
	return errors.Join(err, background.stop())
}

// watch starts what keeps an eye on the platform, and in the demo what goes on there.
func (p *platform) watch(background *group) error {
	jobs, err := p.ops.Jobs()
	if err != nil {
		return err
	}
	for name, job := range jobs {
		background.run(name, job)
	}
	if p.drills {
		background.run("demo traffic", p.ops.Traffic)
	}
	return nil
}

// newServer bounds what a client can take: time, headers and idle connections. Bodies are bounded route by route.
func newServer(h http.Handler, logger *slog.Logger) *http.Server {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	closeUnasked(server)
	return server
}

// drain lets the requests under way finish, and breaks off those that take too long.
func drain(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), drainWithin)
	defer cancel()
	err := server.Shutdown(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("requests broken off: %w", err), server.Close())
	}
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
