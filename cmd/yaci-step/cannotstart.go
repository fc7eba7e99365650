package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// Exit codes of commands that cannot be started, as shells have them
// (POSIX, "Exit Status for Commands").
const (
	notFound      = 127
	notExecutable = 126
)

// cannotStart explains why a command did not start. That the image lacks it, or
// cannot run it, is the step's failure, as when a script names it.
func (c *command) cannotStart(path string, err error) {
	name := c.argv[0]
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		c.exit, c.reason = notExecutable, wrongFormat(path)
	case errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) && path == name && !exists(path):
		c.exit, c.reason = notFound, name+": command not found in the image; install it, or use an image that has it"
		if c.script {
			c.reason += ", or write run as a list to do without a shell"
		}
	case errors.Is(err, fs.ErrNotExist):
		c.exit, c.reason = notFound, path+": the interpreter or dynamic loader that it needs is not in the image"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EISDIR):
		c.exit, c.reason = notExecutable, path+": cannot be executed; look at its mode (chmod +x) and at the user of the step"
	case errors.Is(err, syscall.E2BIG):
		c.exit, c.reason = notExecutable, path+": its arguments and environment variables are too large together"
	default: // no memory or no process to be had
		c.exit = notExecutable
		c.reason = "start: " + err.Error()
		c.broken = true
		return
	}
	c.reason += fmt.Sprintf(" (exit %d)", c.exit)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// wrongFormat explains "exec format error".
func wrongFormat(path string) string {
	node := runtime.GOARCH
	head := headOf(path)
	program := path
	if rest, ok := strings.CutPrefix(head, "#!"); ok { // the interpreter is what cannot be run
		line, _, _ := strings.Cut(rest, "\n")
		if words := strings.Fields(line); len(words) > 0 {
			program = words[0]
			head = headOf(program)
		}
	}
	built := architecture(head)
	if built != "" && built != node {
		return fmt.Sprintf("%s is built for the architecture %s, and this node is %s: use an image and programs for linux/%s",
			program, built, node, node)
	}
	return fmt.Sprintf(
		"%s is neither a program for the architecture of this node (%s) nor a script that begins with #!",
		program,
		node,
	)
}

// headOf returns the first bytes of a file.
func headOf(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	head, _ := io.ReadAll(io.LimitReader(f, 256))
	return string(head)
}

// architecture returns for which one an ELF file is built, in the words of Go and
// of images; empty: it is none, or its number (elf.h, e_machine) is not known here.
func architecture(elf string) string {
	if len(elf) < 20 || elf[:4] != "\x7fELF" {
		return ""
	}
	machine := int(elf[18]) | int(elf[19])<<8
	if elf[5] == 2 { // big-endian
		machine = int(elf[18])<<8 | int(elf[19])
	}
	switch machine {
	case 3:
		return "386"
	case 8:
		return "mips"
	case 21:
		return "ppc64le"
	case 22:
		return "s390x"
	case 40:
		return "arm"
	case 62:
		return "amd64"
	case 183:
		return "arm64"
	case 243:
		return "riscv64"
	case 258:
		return "loong64"
	}
	return ""
}
