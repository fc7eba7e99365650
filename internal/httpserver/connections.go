package httpserver

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

const (
	// MaxConnections is the largest number of connections that are open at once. Each costs some kilobytes.
	MaxConnections = 8192
	// reservedFiles is the number of file descriptors that are left for the database, GitHub and the cluster.
	reservedFiles = 512
	// slowDelivery is how long a webhook may be read before its connection can be closed to make room. GitHub does not
	// repeat it, but YACI fetches it later from GitHub's list of deliveries.
	slowDelivery = 3 * time.Second
)

// maxOpenConnections returns the limit on open connections: MaxConnections, or fewer if the process may not open
// enough files.
func maxOpenConnections() int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return MaxConnections
	}
	if files.Cur >= MaxConnections+reservedFiles {
		return MaxConnections
	}
	return max(int(files.Cur)-reservedFiles, int(files.Cur)/2)
}

// connections is a listener that bounds its open connections. When the limit is reached, a new connection replaces
// one that is waiting for a request: the longest-waiting one of the same address if that address has more than its
// share, otherwise the longest-waiting one of all. At most three quarters of the limit serve requests other than
// webhooks and probes, so that webhooks and probes always find a place.
type connections struct {
	net.Listener
	limit      int
	perAddress int // limit on the connections of one address
	maxOther   int // limit on requests that are neither webhooks nor probes

	mu         sync.Mutex
	addresses  map[netip.Addr]*address
	open       int
	waiting    *list.List // of *connection; the longest-waiting one first
	deliveries *list.List // of *connection with a webhook that is being read; the oldest first
	other      int        // requests under way that are neither webhooks nor probes
}

// address is a client address that has open connections.
type address struct {
	open    int
	waiting *list.List // of *connection; the longest-waiting one first
}

func newConnections(l net.Listener, limit int) *connections {
	return &connections{
		Listener:   l,
		limit:      limit,
		perAddress: limit * 3 / 4,
		maxOther:   limit * 3 / 4,
		addresses:  map[netip.Addr]*address{},
		waiting:    list.New(),
		deliveries: list.New(),
	}
}

// connection is an open connection. Fields below the blank line are guarded by all.mu.
type connection struct {
	net.Conn
	all  *connections
	from netip.Addr

	removed        bool          // it does not count any more
	waiting        *list.Element // in all.waiting; nil while a request is served
	waitingAddress *list.Element // in the waiting list of its address; nil while a request is served
	delivery       *list.Element // in all.deliveries; nil unless a webhook is being read
	deliverySince  time.Time
}

// Accept returns the next connection. It closes connections that have to make room, and new connections for which
// there is none.
func (c *connections) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}

		added, victims := c.add(conn)
		for _, v := range victims {
			v.Close()
		}
		if added != nil {
			return added, nil
		}
		conn.Close()
	}
}

// add makes room for a connection. It returns the connections to close, and nil as added if there is no room.
func (c *connections) add(conn net.Conn) (added *connection, victims []*connection) {
	c.mu.Lock()
	defer c.mu.Unlock()

	from := clientAddress(conn)
	a := c.addresses[from]
	if a == nil {
		a = &address{waiting: list.New()}
		c.addresses[from] = a
	}
	for c.open >= c.limit || a.open >= c.perAddress {
		v := c.victim(a)
		if v == nil {
			c.dropUnused(from)
			return nil, victims
		}
		c.remove(v)
		victims = append(victims, v)
		c.addresses[from] = a // remove drops the address if the victim was its last connection
	}

	added = &connection{Conn: conn, all: c, from: from}
	a.open++
	c.open++
	c.addToWaiting(added)
	return added, victims
}

// victim returns the connection that a new one of an address replaces, or nil if none may be closed.
func (c *connections) victim(a *address) *connection {
	share := c.limit / len(c.addresses)
	if a.open >= c.perAddress || a.open > share {
		if e := a.waiting.Front(); e != nil {
			return e.Value.(*connection)
		}
		if a.open >= c.perAddress {
			return nil
		}
	}
	if e := c.waiting.Front(); e != nil {
		return e.Value.(*connection)
	}
	if e := c.deliveries.Front(); e != nil {
		oldest := e.Value.(*connection)
		if time.Since(oldest.deliverySince) > slowDelivery {
			return oldest
		}
	}
	return nil
}

// addToWaiting appends a connection to the lists of those that wait for a request.
func (c *connections) addToWaiting(conn *connection) {
	if conn.waiting == nil {
		conn.waiting = c.waiting.PushBack(conn)
		conn.waitingAddress = c.addresses[conn.from].waiting.PushBack(conn)
	}
}

// removeFromLists removes a connection from all lists.
func (c *connections) removeFromLists(conn *connection) {
	if conn.waiting != nil {
		c.waiting.Remove(conn.waiting)
		conn.waiting = nil
		c.addresses[conn.from].waiting.Remove(conn.waitingAddress)
		conn.waitingAddress = nil
	}
	if conn.delivery != nil {
		c.deliveries.Remove(conn.delivery)
		conn.delivery = nil
	}
}

// remove stops counting a connection. Repeated calls have no effect.
func (c *connections) remove(conn *connection) {
	if conn.removed {
		return
	}
	c.removeFromLists(conn)
	conn.removed = true
	c.open--
	c.addresses[conn.from].open--
	c.dropUnused(conn.from)
}

func (c *connections) dropUnused(from netip.Addr) {
	if c.addresses[from].open == 0 {
		delete(c.addresses, from)
	}
}

// Close closes the connection and makes room for another one.
func (conn *connection) Close() error {
	conn.all.mu.Lock()
	conn.all.remove(conn)
	conn.all.mu.Unlock()
	return conn.Conn.Close()
}

type connectionKey struct{}

// withConnection stores the connection in the context of its requests. It is an http.Server.ConnContext.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

// stateChanged records that a connection waits for its next request. It is an http.Server.ConnState.
func (c *connections) stateChanged(conn net.Conn, state http.ConnState) {
	own, ok := conn.(*connection)
	if !ok || state != http.StateIdle {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !own.removed {
		c.removeFromLists(own)
		c.addToWaiting(own)
	}
}

// limitRequests tracks which connections serve a request, and refuses requests that are neither webhooks nor probes
// if too many of them are under way.
func (c *connections) limitRequests(next http.Handler, refuse Refuse) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, ok := r.Context().Value(connectionKey{}).(*connection)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		if !c.beginRequest(conn, r.URL.Path) {
			w.Header().Set("Connection", "close")
			w.Header().Set("Retry-After", "5")
			refuse(w, http.StatusServiceUnavailable, "The server is busy. Try again in a few seconds.")
			return
		}
		defer c.endRequest(r.URL.Path)
		next.ServeHTTP(w, r)
	})
}

// hasReservedPlace reports whether a path is for GitHub's webhooks or the cluster's probes.
func hasReservedPlace(path string) bool {
	return path == "/webhook" || path == "/healthz" || path == "/readyz"
}

// beginRequest reports whether a request may be served.
func (c *connections) beginRequest(conn *connection, path string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	if !hasReservedPlace(path) {
		if c.other >= c.maxOther {
			return false
		}
		c.other++
	}
	if conn.removed {
		return true // it has just been closed; writing the response will fail
	}
	c.removeFromLists(conn)
	if path == "/webhook" {
		conn.deliverySince = time.Now()
		conn.delivery = c.deliveries.PushBack(conn)
	}
	return true
}

func (c *connections) endRequest(path string) {
	if hasReservedPlace(path) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.other--
}

// clientAddress returns the address that a connection counts for. IPv6 addresses count as their /64 network, which
// one customer usually has (RFC 6177).
func clientAddress(conn net.Conn) netip.Addr {
	remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	addr := remote.Addr().Unmap()
	if !addr.Is6() {
		return addr
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return addr.WithZone("")
	}
	return prefix.Addr()
}
