// Package dial makes TCP connections that break when the other side does not answer any more. Without that a connection
// whose packets are dropped on the way lives on for about 15 minutes (tcp_retries2 in tcp(7)).
package dial

import (
	"context"
	"net"
	"time"
)

const (
	connectTimeout = 5 * time.Second
	// userTimeout is how long sent data, keep-alives included, may stay unacknowledged (TCP_USER_TIMEOUT in tcp(7)).
	userTimeout = 8 * time.Second
)

// Context connects to an address as [net.Dialer.DialContext] does.
func Context(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{
		Timeout: connectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable:   true,
			Idle:     5 * time.Second,
			Interval: 2 * time.Second,
			Count:    3,
		},
		Control: control,
	}
	return dialer.DialContext(ctx, network, address)
}
