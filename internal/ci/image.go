package ci

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Image is an image of steps without run, and what it is made to run.
type Image struct {
	Name       string   `json:"name"`             // as the file writes it
	Pinned     string   `json:"pinned,omitempty"` // the same image by its digest; empty until its registry was asked
	Entrypoint []string `json:"entrypoint,omitempty"`
	Cmd        []string `json:"cmd,omitempty"`
}

// Command returns what a step with some args runs: args, if there are any, take the place of CMD. An image that runs
// nothing, or nothing that could do any work, is an error, which is [ErrInvalid].
func (i Image) Command(args []string) ([]string, error) {
	if len(args) > 0 {
		if command := slices.Concat(i.Entrypoint, args); len(command) > 0 {
			return command, nil
		}
	}
	command := slices.Concat(i.Entrypoint, i.Cmd)
	switch {
	case len(command) == 0:
		return nil, fmt.Errorf("%w: image %s has no ENTRYPOINT or CMD: set run on the step", ErrInvalid, i.Name)
	case len(i.Cmd) == 1 && slices.Contains(interactive(), programName(i.Cmd[0])):
		return nil, fmt.Errorf("%w: image %s runs %s, which does nothing without input and would pass: set run or args on the step",
			ErrInvalid, i.Name, programName(i.Cmd[0]))
	}
	return command, nil
}

// interactive returns the programs that read commands from their standard input. A step's is empty, so they end with 0
// at once: the CMD of images that are meant to be given a command.
func interactive() []string {
	return []string{"ash", "bash", "busybox", "dash", "fish", "ghci", "iex", "irb", "jshell", "julia", "ksh", "lua", "node", "perl",
		"php", "pypy", "python", "r", "ruby", "sbt", "scala", "sh", "sqlite", "swift", "utop", "zsh"}
}

// programName returns the name of a program without its directory and version: python for /usr/bin/python3.13.
func programName(word string) string {
	return strings.ToLower(strings.TrimRight(path.Base(word), "0123456789.-"))
}

// ImagesKnown reports whether the registries of all images of steps without run have been asked.
func (j Job) ImagesKnown() bool {
	return !slices.ContainsFunc(j.Images, func(i Image) bool { return i.Pinned == "" })
}
