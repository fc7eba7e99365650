// Package faultproxy is a TCP proxy for tests that misbehaves on request, as networks, load balancers and servers do.
package faultproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Mode is how the proxy treats connections, those that are open too.
type Mode string

// The modes.
const (
	Pass   Mode = "pass"   // bytes go through
	Refuse Mode = "refuse" // open connections are reset, new ones are refused
	Hold   Mode = "hold"   // bytes wait, and go on when the mode changes
	Drop   Mode = "drop"   // bytes are swallowed; a connection that has lost some stays silent until it is closed
	Slow   Mode = "slow"   // each piece is late by SlowBy
	Cut    Mode = "cut"    // each connection is reset in the middle of an answer
)

// SlowBy is how late each piece is in the mode Slow.
const SlowBy = 300 * time.Millisecond

// cutAfter is how many bytes of answers a connection carries in the mode Cut.
const cutAfter = 700

// Modes lists all that are faults.
func Modes() []Mode { return []Mode{Refuse, Hold, Drop, Slow, Cut} }

// Proxy forwards connections to a target. It is safe for concurrent use.
type Proxy struct {
	addr string

	mu      sync.Mutex
	mode    Mode
	changed chan struct{} // closed when the mode changes
	target  string
	listen  net.Listener // nil while connections are refused
	open    map[*link]bool
	closed  bool
	wg      sync.WaitGroup
}

// link is a connection and the one to the target that belongs to it.
type link struct {
	client, server *net.TCPConn
	lost           atomic.Bool // bytes were dropped
	answered       atomic.Int64
}

// New starts a proxy to a target on a port of its own.
func New(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("fault proxy: %w", err)
	}
	p := &Proxy{
		addr:    l.Addr().String(),
		mode:    Pass,
		changed: make(chan struct{}),
		target:  target,
		open:    map[*link]bool{},
	}
	p.serve(l)
	return p, nil
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return p.addr }

// SetTarget has new connections lead elsewhere and resets those that are open.
func (p *Proxy) SetTarget(target string) {
	p.mu.Lock()
	p.target = target
	p.mu.Unlock()
	p.reset()
}

// Set changes the mode.
func (p *Proxy) Set(mode Mode) error {
	p.mu.Lock()
	if p.closed || p.mode == mode {
		p.mu.Unlock()
		return nil
	}
	p.mode = mode
	close(p.changed)
	p.changed = make(chan struct{})
	listener := p.listen
	p.mu.Unlock()
	if mode == Refuse {
		listener.Close()
		p.mu.Lock()
		p.listen = nil
		p.mu.Unlock()
		p.reset()
		return nil
	}
	if listener != nil {
		return nil
	}
	return p.listenAgain()
}

// listenAgain takes the port back, which the kernel may need a moment for.
func (p *Proxy) listenAgain() error {
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		l, err := net.Listen("tcp", p.addr)
		if err == nil {
			p.serve(l)
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("fault proxy: %w", err)
		}
	}
}

// Close ends the proxy and all connections.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.mode = Refuse
	close(p.changed)
	p.changed = make(chan struct{})
	if p.listen != nil {
		p.listen.Close()
	}
	p.mu.Unlock()
	p.reset()
	p.wg.Wait()
}

// reset breaks all connections.
func (p *Proxy) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.open {
		l.reset()
	}
}

func (l *link) reset() {
	for _, c := range []*net.TCPConn{l.client, l.server} {
		_ = c.SetLinger(0) // RST
		c.Close()
	}
}

func (p *Proxy) serve(l net.Listener) {
	p.mu.Lock()
	p.listen = l
	p.mu.Unlock()
	p.wg.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			p.wg.Go(func() { p.forward(client.(*net.TCPConn)) })
		}
	})
}

// forward carries bytes both ways until one side ends.
func (p *Proxy) forward(client *net.TCPConn) {
	defer client.Close()
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", target)
	if err != nil {
		_ = client.SetLinger(0)
		return
	}
	l := &link{client: client, server: conn.(*net.TCPConn)}
	defer conn.Close()
	p.mu.Lock()
	if p.closed || p.mode == Refuse || p.target != target {
		l.reset()
	}
	p.open[l] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.open, l)
		p.mu.Unlock()
	}()
	done := make(chan struct{}, 2)
	go func() { p.carry(l, l.server, l.client, false); done <- struct{}{} }()
	go func() { p.carry(l, l.client, l.server, true); done <- struct{}{} }()
	<-done
	client.Close()
	conn.Close()
	<-done
}

// carry copies from one side to the other. An answer is what comes from the target.
func (p *Proxy) carry(l *link, to, from *net.TCPConn, answer bool) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !p.pass(l, to, buffer[:n], answer) {
			return
		}
		if err != nil {
			if errors.Is(err, net.ErrClosed) || l.lost.Load() {
				return
			}
			_ = to.CloseWrite()
			return
		}
	}
}

// pass treats one piece as the mode says. It reports false when the connection has ended.
func (p *Proxy) pass(l *link, to *net.TCPConn, piece []byte, answer bool) bool {
	for {
		p.mu.Lock()
		mode, changed := p.mode, p.changed
		p.mu.Unlock()
		switch {
		case l.lost.Load() || mode == Drop:
			l.lost.Store(true)
			return true
		case mode == Hold:
			<-changed
			continue
		case mode == Slow:
			time.Sleep(SlowBy)
		case mode == Cut && answer:
			if l.answered.Add(int64(len(piece))) > cutAfter {
				_, _ = to.Write(piece[:len(piece)/2])
				l.reset()
				return false
			}
		}
		_, err := to.Write(piece)
		return err == nil
	}
}
