package main

import (
	"net"
	"net/http"
	"sync"
)

// unasked are connections on which nothing was asked yet, such as those that a browser opens ahead. A server that stops
// waits five seconds for each of them, for nothing in most cases, so they are closed instead.
type unasked struct {
	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool // the server stops
}

// closeUnasked makes a server close them when it is shut down.
func closeUnasked(server *http.Server) {
	u := &unasked{conns: map[net.Conn]bool{}}
	server.ConnState = u.note
	server.RegisterOnShutdown(u.close)
}

func (u *unasked) note(c net.Conn, state http.ConnState) {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(u.conns, c)
	case u.closed:
		_ = c.Close()
	default:
		u.conns[c] = true
	}
}

func (u *unasked) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.closed = true
	for c := range u.conns {
		_ = c.Close()
	}
}
