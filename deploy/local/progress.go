package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// step is a part of the work, with a line on the terminal.
type step struct {
	what string
	do   func(tell) error
}

// tell shows what a step that takes long is at.
type tell func(string)

func quiet(do func() error) func(tell) error { return func(tell) error { return do() } }

// steps does one after another and shows how long each took.
func steps(all ...step) error {
	for _, s := range all {
		start, told := time.Now(), false
		fmt.Fprintf(os.Stderr, "  %-28s", s.what)
		err := s.do(func(text string) {
			told = true
			if terminal() {
				fmt.Fprintf(os.Stderr, "\r  %-28s%6.0fs  %.70s\x1b[K", s.what, time.Since(start).Seconds(), text)
			} else {
				fmt.Fprintf(os.Stderr, "\n    %4.0fs  %s", time.Since(start).Seconds(), text)
			}
		})
		switch {
		case told && terminal():
			fmt.Fprintf(os.Stderr, "\r  %-28s\x1b[K", s.what)
		case told:
			fmt.Fprintf(os.Stderr, "\n  %-28s", s.what)
		}
		fmt.Fprintf(os.Stderr, "%6.1fs\n", time.Since(start).Seconds())
		if err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
	}
	return nil
}

func terminal() bool {
	info, err := os.Stderr.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// run runs a program that takes long and tells, from time to time, what its
// last line of output shows; the last lines explain a failure.
func (t tell) run(cmd *exec.Cmd, show func(line string) string) error {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
		io.Copy(io.Discard, out) // after a line that is too long
	}()
	every := 10 * time.Second
	if terminal() {
		every = time.Second / 2
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	var last []string
	now := ""
	for open := true; open; {
		select {
		case line, more := <-lines:
			if open = more; more {
				now, last = show(line), append(last, line)
				last = last[max(0, len(last)-8):]
			}
		case <-tick.C:
			t(now)
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w:\n%s", cmd.Args[0], err, strings.Join(last, "\n"))
	}
	return nil
}

// run runs a program to its end; its last line of output explains a failure.
func run(cmd *exec.Cmd) error {
	out, err := cmd.CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, lines[len(lines)-1])
	}
	return nil
}

func command(argv ...string) error { return run(exec.Command(argv[0], argv[1:]...)) }
