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

func TestFlooded(t *testing.T) {
	now := time.Now()
	o := &output{recent: 64 << 10, aged: now}
	for _, c := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {settle, true}, {3 * settle, true}, {4 * settle, false}, {time.Hour, false}} {
		if got := (&output{recent: o.recent, aged: o.aged}).flooded(now.Add(c.after)); got != c.want {
			t.Errorf("64 KiB, %v later: %v", c.after, got)
		}
	}
	if newOutput().flooded(now) {
		t.Error("flooded without output")
	}
}
