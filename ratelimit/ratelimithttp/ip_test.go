package ratelimithttp_test

import (
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/transbotai/tenon"
	"github.com/transbotai/tenon/ratelimit/ratelimithttp"
)

var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

func TestTheAddressIsTheRightmostThatNoTrustedProxyHas(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trusted []netip.Prefix
		remote  string
		fields  []string
		want    string
	}{
		"without_proxies_the_field_is_not_looked_at": {nil, "203.0.113.7:1", []string{"1.1.1.1"}, "203.0.113.7"},
		"of_a_stranger_the_field_is_not_believed":    {proxies, "203.0.113.7:1", []string{"1.1.1.1"}, "203.0.113.7"},
		"behind_a_proxy":                         {proxies, "10.0.0.1:1", []string{"203.0.113.7"}, "203.0.113.7"},
		"a_client_that_forges":                   {proxies, "10.0.0.1:1", []string{"1.1.1.1, 10.0.0.9, 203.0.113.7"}, "203.0.113.7"},
		"a_client_that_forges_a_line_of_its_own": {proxies, "10.0.0.1:1", []string{"1.1.1.1", "203.0.113.7"}, "203.0.113.7"},
		"behind_two_proxies":                     {proxies, "10.0.0.1:1", []string{"203.0.113.7,10.0.0.2"}, "203.0.113.7"},
		"a_proxy_asks_for_itself":                {proxies, "10.0.0.1:1", nil, "10.0.0.1"},
		"only_proxies":                           {proxies, "10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"what_is_no_address":                     {proxies, "10.0.0.1:1", []string{"1.1.1.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		"an_address_with_a_port":                 {proxies, "10.0.0.1:1", []string{"203.0.113.7:4711"}, "203.0.113.7"},
		"ipv6_by_network":                        {proxies, "[fd00::1]:1", []string{"2001:db8:1:2:3:4:5:6"}, "2001:db8:1:2::/64"},
		"ipv6_with_brackets_and_port":            {proxies, "[fd00::1]:1", []string{"[2001:db8:1:2::9]:80"}, "2001:db8:1:2::/64"},
		"ipv4_in_ipv6":                           {proxies, "[::ffff:10.0.0.1]:1", []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		"a_zone":                                 {nil, "[fe80::1%eth0]:1", nil, "fe80::/64"},
		"no_port":                                {nil, "203.0.113.7", nil, "203.0.113.7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = c.remote
			r.Header["X-Forwarded-For"] = c.fields
			key, err := ratelimithttp.ByIP(c.trusted...)(r)
			require.NoError(t, err)
			require.Equal(t, c.want, key.Name)
		})
	}
}

func TestAConnectionWithoutAnAddressIsRefused(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = "@"
	_, err := ratelimithttp.ByIP()(r)
	require.ErrorIs(t, err, tenon.ErrInvalid)
}

// FuzzByIP sends what a client may put before what the proxy wrote: it never changes the key.
func FuzzByIP(f *testing.F) {
	f.Add("1.1.1.1, 10.0.0.1")
	f.Add(",,[::1]:,%")
	f.Fuzz(func(t *testing.T, forged string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "10.0.0.1:1"
		r.Header.Set("X-Forwarded-For", forged+", 203.0.113.7")
		key, err := ratelimithttp.ByIP(proxies...)(r)
		if err != nil || key.Name != "203.0.113.7" {
			t.Fatalf("%v, %v", key, err)
		}
	})
}
