package server

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/yaci-ci/yaci/internal/api"
)

// Bounds of the connections that are open at once.
const (
	maxConnections = 8192 // each costs some kilobytes
	spareFiles     = 512  // file descriptors for everything else: the database, GitHub, the cluster
	// a webhook that takes longer may be closed when there is no room; GitHub repeats nothing, but YACI asks for it later
	slowDelivery = 3 * time.Second
)

// connections bounds the connections of a listener. When there are too many, a
// new one takes the place of one that waits for a request: of the new one's own
// address if that has more than its share, or else the one that waits longest.
// Requests other than deliveries and probes get three quarters of all places, so
// that deliveries and probes always find one.
type connections struct {
	net.Listener
	limit, perAddress, others int

	mu        sync.Mutex
	addresses map[netip.Addr]*address
	open      int
	waiting   *list.List // of *connection, the one that waits longest first
	serving   int        // requests other than deliveries and probes
	hooks     *list.List // of *connection with a delivery that is being read, the oldest first
}

// address is what is open from one address.
type address struct {
	open    int
	waiting *list.List // of *connection
}

// limitConnections bounds the connections of a listener by what the process may have open.
func limitConnections(l net.Listener) *connections {
	limit := maxConnections
	var files syscall.Rlimit
	err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files)
	if err == nil && files.Cur < maxConnections+spareFiles {
		limit = max(int(files.Cur)-spareFiles, int(files.Cur)/2)
	}
	return newConnections(l, limit)
}

func newConnections(l net.Listener, limit int) *connections {
	return &connections{
		Listener:   l,
		limit:      limit,
		perAddress: limit * 3 / 4,
		others:     limit * 3 / 4,
		addresses:  map[netip.Addr]*address{},
		waiting:    list.New(),
		hooks:      list.New(),
	}
}

// connection is a place in connections.
type connection struct {
	net.Conn
	all  *connections
	from netip.Addr

	// Guarded by all.mu. A connection is in neither of the first two lists while it serves a request.
	gone            bool // its place is free
	wait, own, hook *list.Element
	since           time.Time // the delivery that is being read
}

// Accept returns the next connection that there is room for. Others are closed.
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

// add makes room for a connection. It returns nil when there is none, and the
// connections that have to be closed.
func (c *connections) add(conn net.Conn) (added *connection, victims []*connection) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from := remote(conn)
	a := c.addresses[from]
	if a == nil {
		a = &address{waiting: list.New()}
		c.addresses[from] = a
	}
	for c.open >= c.limit || a.open >= c.perAddress {
		v := c.victim(a)
		if v == nil {
			c.forget(from)
			return nil, victims
		}
		c.remove(v)
		victims = append(victims, v)
		if c.addresses[from] == nil { // the victim was its last
			c.addresses[from] = a
		}
	}
	added = &connection{Conn: conn, all: c, from: from}
	a.open++
	c.open++
	c.waits(added)
	return added, victims
}

// victim chooses the connection that a new one of an address takes the place of.
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
	e := c.hooks.Front()
	if e != nil && time.Since(e.Value.(*connection).since) > slowDelivery {
		return e.Value.(*connection)
	}
	return nil
}

// waits puts a connection behind those that wait for a request.
func (c *connections) waits(conn *connection) {
	if conn.wait == nil {
		conn.wait = c.waiting.PushBack(conn)
		conn.own = c.addresses[conn.from].waiting.PushBack(conn)
	}
}

// leaves takes a connection out of the lists.
func (c *connections) leaves(conn *connection) {
	if conn.wait != nil {
		c.waiting.Remove(conn.wait)
		c.addresses[conn.from].waiting.Remove(conn.own)
		conn.wait, conn.own = nil, nil
	}
	if conn.hook != nil {
		c.hooks.Remove(conn.hook)
		conn.hook = nil
	}
}

// remove frees a connection's place, once.
func (c *connections) remove(conn *connection) {
	if conn.gone {
		return
	}
	c.leaves(conn)
	conn.gone = true
	c.open--
	c.addresses[conn.from].open--
	c.forget(conn.from)
}

func (c *connections) forget(from netip.Addr) {
	if c.addresses[from].open == 0 {
		delete(c.addresses, from)
	}
}

// Close frees the place.
func (conn *connection) Close() error {
	conn.all.mu.Lock()
	conn.all.remove(conn)
	conn.all.mu.Unlock()
	return conn.Conn.Close()
}

type connectionKey struct{}

// withConnection lets handlers find the connection of a request; see http.Server.ConnContext.
func withConnection(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, conn)
}

// idle is called when a connection waits for its next request; see http.Server.ConnState.
func (c *connections) idle(conn net.Conn, state http.ConnState) {
	own, ok := conn.(*connection)
	if ok && state == http.StateIdle {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !own.gone {
			c.leaves(own)
			c.waits(own)
		}
	}
}

// guard has requests leave those that wait, and refuses what is neither a
// delivery nor a probe when there are too many of that kind.
func (c *connections) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, ok := r.Context().Value(connectionKey{}).(*connection)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		if !c.begin(conn, r.URL.Path) {
			w.Header().Set("Connection", "close")
			w.Header().Set("Retry-After", "5")
			api.Problem(
				w,
				http.StatusServiceUnavailable,
				"the server has too many requests under way; try again in some seconds",
			)
			return
		}
		defer c.end(r.URL.Path)
		next.ServeHTTP(w, r)
	})
}

// reserved reports whether a request may use the places that are kept free: GitHub's deliveries and the cluster's
// probes.
func reserved(path string) bool {
	return path == "/webhook" || path == "/healthz" || path == "/readyz"
}

func (c *connections) begin(conn *connection, path string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !reserved(path) {
		if c.serving >= c.others {
			return false
		}
		c.serving++
	}
	if conn.gone {
		return true // closed a moment ago
	}
	c.leaves(conn)
	if path == "/webhook" {
		conn.since, conn.hook = time.Now(), c.hooks.PushBack(conn)
	}
	return true
}

func (c *connections) end(path string) {
	if !reserved(path) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.serving--
	}
}

// remote is the address that a connection counts for: of IPv6, the network that one holder has (RFC 6177).
func remote(conn net.Conn) netip.Addr {
	a, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}
	}
	addr := a.Addr().Unmap()
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return addr.WithZone("")
}
