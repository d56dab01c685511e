package ratelimithttp

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/ratelimit"
)

// ByIP returns a KeyFunc that limits by the client's address: an IPv4 address, or the /64 network of an IPv6 address,
// since that is what one customer is given. The address is the one that the connection came from. Where that is a
// trusted proxy, it is the rightmost address of X-Forwarded-For that is not: what stands to its left was written by
// who sent the request. Without trusted proxies the field is not looked at. What a trusted proxy wrote that is no
// address counts as the proxy's own.
func ByIP(trusted ...netip.Prefix) KeyFunc {
	return func(r *http.Request) (ratelimit.Key, error) {
		addr, ok := peer(r)
		if !ok {
			return ratelimit.Key{}, tenon.Invalid("remote_addr", "is no address")
		}
		if within(addr, trusted) {
			addr = client(r, addr, trusted)
		}
		return ratelimit.Key{Name: network(addr)}, nil
	}
}

func peer(r *http.Request) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		return plain(ap.Addr()), true
	}
	addr, err := netip.ParseAddr(r.RemoteAddr)
	return plain(addr), err == nil
}

// plain takes off what does not make another client: a zone, and the form of an IPv4 address in IPv6.
func plain(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func within(a netip.Addr, prefixes []netip.Prefix) bool {
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// client walks from the proxy that we spoke to towards the client, for as long as those who wrote are trusted.
func client(r *http.Request, proxy netip.Addr, trusted []netip.Prefix) netip.Addr {
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, ok := hopAddr(strings.TrimSpace(hops[i]))
		if !ok {
			return proxy
		}
		if !within(hop, trusted) {
			return hop
		}
		proxy = hop
	}
	return proxy
}

// hopAddr reads an address; some proxies add the port.
func hopAddr(s string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return plain(a), true
	}
	ap, err := netip.ParseAddrPort(s)
	return plain(ap.Addr()), err == nil
}

func network(a netip.Addr) string {
	if a.Is4() {
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil { // not for a valid address
		return a.String()
	}
	return p.String()
}
