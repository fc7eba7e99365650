package main

import (
	"io"
	"os"
	"testing"
	"time"
)

// A process stays until its pipe is empty, and longer only after a flood.
func TestDrain(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := w.WriteString("the last line\n"); err != nil {
		t.Fatal(err)
	}
	if n := unread(w); n != 14 {
		t.Fatalf("%d bytes unread, want 14", n)
	}
	drained := make(chan struct{})
	go func() { newOutput().drain(w); close(drained) }()
	select {
	case <-drained:
		t.Error("left before the last line was read")
	case <-time.After(20 * drainPoll):
	}
	if _, err := io.ReadFull(r, make([]byte, 14)); err != nil {
		t.Fatal(err)
	}
	<-drained
	if n := unread(w); n != 0 {
		t.Errorf("%d bytes unread after the end", n)
	}
}

func TestSettling(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		printed int
		after   time.Duration
		want    time.Duration
	}{
		{printed: 0, want: 0},
		{printed: flood, want: 0},
		{printed: fullPipes / 2, want: (settle + settleFull) / 2},
		{printed: fullPipes, want: settleFull},
		{printed: 100 * fullPipes, want: settleFull},
		{printed: fullPipes, after: settle, want: (settle + settleFull) / 2},
		{printed: fullPipes, after: 5 * settle, want: 0},
		{printed: fullPipes, after: time.Hour, want: 0},
	} {
		o := &output{recent: c.printed, aged: now}
		if got := o.settling(now.Add(c.after)); got != c.want {
			t.Errorf("%d bytes, %v later: %v, want %v", c.printed, c.after, got, c.want)
		}
	}
}
