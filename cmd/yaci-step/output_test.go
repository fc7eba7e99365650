package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"testing"

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
