package main

import (
	"bytes"
	"os"
	"sync/atomic"
)

// output is all that a container prints, counted: the server compares the
// record with the log that it stored. Its totals may be read while copy runs.
type output struct {
	size, lines atomic.Int64
}

func (o *output) Write(p []byte) (int, error) {
	n, err := os.Stdout.Write(p)
	o.size.Add(int64(n))
	o.lines.Add(int64(bytes.Count(p[:n], []byte{'\n'})))
	return n, err
}

// say prints a line of the runner's own.
func (o *output) say(text string) { o.Write([]byte("yaci-step: " + text + "\n")) }

func (o *output) copy(r *os.File) {
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			o.Write(buf[:n])
		}
		if err != nil {
			return
		}
	}
}
