package httpserver

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// crowded is a server with few places, and a handler that answers at once.
type crowded struct {
	*testing.T
	conns *connections
	held  []net.Conn
}

func newCrowded(t *testing.T, limit int) *crowded {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/stream" {
			<-r.Context().Done()
		}
		_, _ = io.WriteString(w, "ok")
	})
	refuse := func(w http.ResponseWriter, status int, detail string) { http.Error(w, detail, status) }
	srv, err := newServer(Config{Listener: inner, Handler: handler, Refuse: refuse}, limit)
	if err != nil {
		t.Fatal(err)
	}
	c := &crowded{T: t, conns: srv.connections}
	done := make(chan error, 1)
	go func() { done <- srv.Serve() }()
	t.Cleanup(func() {
		for _, conn := range c.held {
			conn.Close()
		}
		srv.Close()
		<-done
	})
	return c
}

// hold opens connections from an address of the loopback network and sends text on each.
func (c *crowded) hold(n int, from, text string) {
	c.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
	for range n {
		conn, err := dialer.Dial("tcp", c.conns.Addr().String())
		if err != nil {
			c.Fatal(err)
		}
		_, _ = io.WriteString(conn, text) // the server may have closed it
		c.held = append(c.held, conn)
	}
}

// ask makes a request on a connection of its own, and returns the status and how long it took.
func (c *crowded) ask(method, path string) (int, time.Duration) {
	c.Helper()
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := http.NewRequestWithContext(
		c.Context(),
		method,
		"http://"+c.conns.Addr().String()+path,
		strings.NewReader("{}"),
	)
	if err != nil {
		c.Fatal(err)
	}
	start := time.Now()
	res, err := client.Do(r)
	if err != nil {
		c.Errorf("%s %s: %v", method, path, err)
		return 0, time.Since(start)
	}
	res.Body.Close()
	return res.StatusCode, time.Since(start)
}

// S10: whatever connections strangers hold, from one address or many, a delivery and a probe are answered at once,
// and so is a page unless all places of pages are taken by requests.
func TestS10ConnectionsOfStrangersShutNobodyOut(t *testing.T) {
	limit := min(2000, slowConnections(t)/2)
	head := "POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n"
	for name, attack := range map[string]struct {
		text string
		page int
	}{
		"silent":               {"", 200},
		"idle after a request": {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", 200},
		"slow headers":         {head, 200},
		"streams":              {"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n", 503},
	} {
		for _, addresses := range []int{1, 40} {
			t.Run(fmt.Sprintf("%s from %d", name, addresses), func(t *testing.T) {
				c := newCrowded(t, limit)
				for n := range addresses {
					c.hold(limit*5/4/addresses, fmt.Sprintf("127.0.%d.2", n), attack.text)
				}
				for _, request := range [][2]string{{"POST", "/webhook"}, {"GET", "/healthz"}, {"GET", "/readyz"}, {"GET", "/"}} {
					code, took := c.ask(request[0], request[1])
					want := 200
					if request[1] == "/" {
						want = attack.page
					}
					if code != want || took > 5*time.Second {
						t.Errorf("%v: %d after %v, want %d", request, code, took, want)
					}
				}
			})
		}
	}
}

// Deliveries whose bodies never come give way to others after some seconds.
func TestS10SlowDeliveriesGiveWay(t *testing.T) {
	c := newCrowded(t, 40)
	for n := range 10 {
		c.hold(4, fmt.Sprintf("127.0.%d.2", n), "POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
	}
	deadline := time.Now().Add(slowDelivery + 20*time.Second)
	for {
		client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Post("http://"+c.conns.Addr().String()+"/webhook", "", strings.NewReader("{}"))
		if err == nil {
			res.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// Whatever opens, asks, waits and closes in whatever order: the counts agree in the end, and no bound is passed.
func TestConnectionsAreCounted(t *testing.T) {
	c := newCrowded(t, 30)
	var wg sync.WaitGroup
	for worker := range 20 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(worker), 1))
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, byte(worker%5), 2)}, Timeout: 10 * time.Second}
			for range 50 {
				conn, err := dialer.Dial("tcp", c.conns.Addr().String())
				if err != nil {
					continue
				}
				for range r.IntN(4) {
					path := []string{"/webhook", "/healthz", "/"}[r.IntN(3)]
					_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
					if r.IntN(2) == 0 {
						_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
						_, _ = conn.Read(make([]byte, 1000))
					}
				}
				conn.Close()
			}
		})
	}
	wg.Wait()
	deadline := time.Now().Add(20 * time.Second)
	for {
		c.conns.mu.Lock()
		open := c.conns.open
		waiting := c.conns.waiting.Len()
		hooks := c.conns.deliveries.Len()
		serving := c.conns.other
		addresses := len(c.conns.addresses)
		c.conns.mu.Unlock()
		if open == 0 && waiting == 0 && hooks == 0 && serving == 0 && addresses == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("open %d, waiting %d, hooks %d, serving %d, addresses %d", open, waiting, hooks, serving, addresses)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// slowConnections is how many slow connections the limits of this process allow.
func slowConnections(t *testing.T) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return int(min(2000, (limit.Cur-min(limit.Cur, 800))/2))
}
