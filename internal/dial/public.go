package dial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// ErrNotPublic says that a name leads to an address that is not of the public internet.
var ErrNotPublic = errors.New("address is not public")

// Public connects as [Context] does, but only to addresses of the public internet. Each address is checked when the
// connection is made, after names were looked up, so that no name and no redirect leads to a private network.
func Public(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{
		Timeout: connectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable:   true,
			Idle:     5 * time.Second,
			Interval: 2 * time.Second,
			Count:    3,
		},
		Control: func(network, address string, raw syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrNotPublic, err)
			}
			if !isPublic(at.Addr()) {
				return ErrNotPublic
			}
			return control(network, address, raw)
		},
	}
	return dialer.DialContext(ctx, network, address)
}

// isPublic reports whether an address is of the public internet.
func isPublic(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.Zone() != "" {
		return false
	}
	return !slices.ContainsFunc(special(), func(p netip.Prefix) bool { return p.Contains(a) })
}

// special returns the ranges that are global unicast in form and not in use
// (iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry).
func special() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),
		netip.MustParsePrefix("100.64.0.0/10"),    // of providers, and of some clouds' metadata
		netip.MustParsePrefix("168.63.129.16/32"), // Azure's WireServer
		netip.MustParsePrefix("192.0.0.0/24"),
		netip.MustParsePrefix("192.0.2.0/24"),
		netip.MustParsePrefix("192.88.99.0/24"), // was for relays of 6to4
		netip.MustParsePrefix("198.18.0.0/15"),
		netip.MustParsePrefix("198.51.100.0/24"),
		netip.MustParsePrefix("203.0.113.0/24"),
		netip.MustParsePrefix("240.0.0.0/4"),
		netip.MustParsePrefix("::/96"),           // IPv4-compatible
		netip.MustParsePrefix("::ffff:0:0:0/96"), // IPv4-translated
		netip.MustParsePrefix("64:ff9b::/96"),    // these four carry IPv4 addresses as well
		netip.MustParsePrefix("64:ff9b:1::/48"),
		netip.MustParsePrefix("2001::/23"), // Teredo, and what the IETF assigns to protocols
		netip.MustParsePrefix("2002::/16"),
		netip.MustParsePrefix("100::/64"),
		netip.MustParsePrefix("2001:db8::/32"),
		netip.MustParsePrefix("3fff::/20"), // of documentation
		netip.MustParsePrefix("5f00::/16"), // of segment routing
		netip.MustParsePrefix("fec0::/10"),
	}
}
