package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// Marks come between lines only, tell what was printed before them, and are the only addition.
func TestMarks(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = stdout }()
	printed := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(r)
		printed <- all
	}()
	var want bytes.Buffer
	o := newOutput()
	for i := range 20000 {
		text := fmt.Sprintf("line %d\nand the beginning of", i)
		want.WriteString(text)
		n, err := o.Write([]byte(text))
		if n != len(text) || err != nil {
			t.Fatalf("%d of %d bytes, %v", n, len(text), err)
		}
	}
	w.Close()
	got := <-printed
	mark := regexp.MustCompile("\x1b_yaci ([0-9]+) ([0-9]+)\x1b\\\\\n")
	marks, before := 0, 0
	for _, at := range mark.FindAllIndex(got, -1) {
		marker, ok := runner.ParseProgressMarker(got[at[0]:at[1]])
		if !ok {
			t.Fatalf("no marker: %q", got[at[0]:at[1]])
		}
		lines, size := int(marker.Lines), int(marker.Bytes)
		clean := mark.ReplaceAll(got[:at[0]], nil)
		if len(clean) != size || bytes.Count(clean, []byte("\n")) != lines || clean[len(clean)-1] != '\n' {
			t.Errorf(
				"a mark says %d lines, %d bytes behind %d lines, %d bytes that end in %q",
				lines,
				size,
				bytes.Count(clean, []byte("\n")),
				len(clean),
				clean[len(clean)-5:],
			)
		}
		marks, before = marks+1, lines
	}
	if marks < 3 || before < 10000 {
		t.Errorf("%d marks, the last behind %d lines", marks, before)
	}
	if !bytes.Equal(mark.ReplaceAll(got, nil), want.Bytes()) {
		t.Error("the output changed")
	}
	size, lines := o.totals()
	if size != int64(want.Len()) || lines != 20000 {
		t.Errorf("counted %d bytes, %d lines", size, lines)
	}
}

// A carriage return before a line feed does not count, however it is written.
func TestSizeWithoutCarriageReturns(t *testing.T) {
	stdout := os.Stdout
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	os.Stdout = null
	defer func() { os.Stdout = stdout }()
	for _, c := range []struct {
		writes []string
		size   int64
	}{
		{[]string{"a\r\nb"}, 3},
		{[]string{"a\r", "\nb"}, 3},
		{[]string{"a\r", "", "\n", "\n"}, 3},
		{[]string{"a\rb\r\r\n"}, 5},
		{[]string{"\n", "\r"}, 2},
	} {
		o := newOutput()
		for _, w := range c.writes {
			o.Write([]byte(w))
		}
		if size, _ := o.totals(); size != c.size {
			t.Errorf("%q: %d, want %d", c.writes, size, c.size)
		}
	}
}

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
	if n := pendingBytes(w); n != 14 {
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
	if n := pendingBytes(w); n != 0 {
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
		{printed: floodBytes, want: 0},
		{printed: pipeCapacity / 2, want: (minSettleTime + maxSettleTime) / 2},
		{printed: pipeCapacity, want: maxSettleTime},
		{printed: 100 * pipeCapacity, want: maxSettleTime},
		{printed: pipeCapacity, after: recentHalfLife, want: (minSettleTime + maxSettleTime) / 2},
		{printed: pipeCapacity, after: 5 * recentHalfLife, want: 0},
		{printed: 100 * pipeCapacity, after: 5 * recentHalfLife, want: 0},
		{printed: pipeCapacity, after: time.Hour, want: 0},
	} {
		o := &output{recent: c.printed, decayedAt: now}
		if got := o.settleTime(now.Add(c.after)); got != c.want {
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
