package faultproxy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// echo answers each line with the same line, many times when it says so.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for in := bufio.NewScanner(c); in.Scan(); {
					line := in.Text() + "\n"
					if in.Text() == "long" {
						line = strings.Repeat("x", 100_000) + "\n"
					}
					if _, err := io.WriteString(c, line); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

type caller struct {
	t *testing.T
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, p *Proxy) caller {
	t.Helper()
	c, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return caller{t, c, bufio.NewReader(c)}
}

// ask returns what comes for a line within a while.
func (c caller) ask(line string, within time.Duration) (string, error) {
	c.t.Helper()
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return "", err
	}
	return c.hear(within)
}

func (c caller) hear(within time.Duration) (string, error) {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		c.t.Fatal(err)
	}
	line, err := c.in.ReadString('\n')
	return strings.TrimSpace(line), err
}

func TestModes(t *testing.T) {
	const long, short = time.Minute, 200 * time.Millisecond
	set := func(p *Proxy, mode Mode) {
		t.Helper()
		if err := p.Set(mode); err != nil {
			t.Fatal(err)
		}
	}
	proxy := func(t *testing.T) (*Proxy, caller) {
		t.Helper()
		p, err := New(echo(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		c := dial(t, p)
		got, err := c.ask("hello", long)
		if err != nil || got != "hello" {
			t.Fatalf("%q, %v", got, err)
		}
		return p, c
	}
	works := func(t *testing.T, p *Proxy) {
		t.Helper()
		set(p, Pass)
		got, err := dial(t, p).ask("again", long)
		if err != nil || got != "again" {
			t.Errorf("after the fault: %q, %v", got, err)
		}
	}
	t.Run("refuse", func(t *testing.T) {
		p, c := proxy(t)
		set(p, Refuse)
		_, err := c.hear(long)
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("an open connection: %v", err)
		}
		if _, err := net.Dial("tcp", p.Addr()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a new one: %v", err)
		}
		works(t, p)
	})
	t.Run("hold", func(t *testing.T) {
		p, c := proxy(t)
		set(p, Hold)
		if got, err := c.ask("late", short); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q, %v", got, err)
		}
		set(p, Pass)
		got, err := c.hear(long)
		if err != nil || got != "late" {
			t.Errorf("afterwards: %q, %v", got, err)
		}
		works(t, p)
	})
	t.Run("drop", func(t *testing.T) {
		p, c := proxy(t)
		set(p, Drop)
		if got, err := c.ask("lost", short); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q, %v", got, err)
		}
		set(p, Pass)
		if got, err := c.ask("more", short); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("afterwards: %q, %v", got, err)
		}
		works(t, p)
	})
	t.Run("slow", func(t *testing.T) {
		p, c := proxy(t)
		set(p, Slow)
		asked := time.Now()
		got, err := c.ask("slow", long)
		if err != nil || got != "slow" || time.Since(asked) < 2*SlowBy {
			t.Errorf("%q, %v after %v", got, err, time.Since(asked))
		}
		works(t, p)
	})
	t.Run("cut", func(t *testing.T) {
		p, c := proxy(t)
		set(p, Cut)
		got, err := c.ask("long", long)
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		works(t, p)
	})
	t.Run("another target", func(t *testing.T) {
		p, c := proxy(t)
		p.SetTarget(echo(t))
		_, err := c.hear(long)
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("an open connection: %v", err)
		}
		works(t, p)
	})
}
