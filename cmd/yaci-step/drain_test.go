package main

import (
	"io"
	"os"
	"strings"
	"syscall"
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
		{printed: fullPipes, after: forget, want: (settle + settleFull) / 2},
		{printed: fullPipes, after: 5 * forget, want: 0},
		{printed: 100 * fullPipes, after: 5 * forget, want: 0},
		{printed: fullPipes, after: time.Hour, want: 0},
	} {
		o := &output{recent: c.printed, aged: now}
		if got := o.settling(now.Add(c.after)); got != c.want {
			t.Errorf("%d bytes, %v later: %v, want %v", c.printed, c.after, got, c.want)
		}
	}
}

// TestL2SlowRuntime: the last output of a step is in its log, however late the container runtime takes it.
func TestL2SlowRuntime(t *testing.T) {
	t.Parallel()
	p := newPod(t, "seq 1 10000; exit 3") // fits into the pipe of the command, and not into the runner's
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	const pipeSize = 4096
	if _, _, errno := syscall.Syscall(syscall.SYS_FCNTL, w.Fd(), syscall.F_SETPIPE_SZ, pipeSize); errno != 0 {
		t.Fatal(errno)
	}
	cmd := p.command("0", "run", "0")
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	time.Sleep(3 * drainAfter)
	log, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 3 {
		t.Error(err)
	}
	text := progress.ReplaceAllString(string(log), "")
	record := p.record("0")
	if !strings.HasSuffix(text, "\n9999\n10000\n") || record.Lines != 10000 {
		t.Errorf("the log ends with %q; record %+v", text[max(0, len(text)-40):], record)
	}
}

// TestL2HeldPipe: what is in the pipe of a command's output is read to its end, although a process holds the pipe open.
func TestL2HeldPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	text := strings.Repeat("x", 10_000)
	if _, err := w.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := r.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(&outputPipe{r: r})
	if err != nil || string(got) != text {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
