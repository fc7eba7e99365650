package ci

import (
	"fmt"
	"slices"
)

// Image is an image of steps without run, and what it is made to run.
type Image struct {
	Name       string // as the file writes it
	Pinned     string // the same image by its digest; empty until its registry was asked
	Entrypoint []string
	Cmd        []string
}

// Command returns what a step with some args runs: args, if there are any, take the place of CMD. An image that runs
// nothing, or nothing that could do any work, is an error, which is [ErrInvalid].
func (i Image) Command(args []string) ([]string, error) {
	if len(args) == 0 {
		args = i.Cmd
	}
	command := slices.Concat(i.Entrypoint, args)
	if len(command) == 0 {
		return nil, fmt.Errorf("%w: image %s has no ENTRYPOINT or CMD: set run on the step", ErrInvalid, i.Name)
	}
	if name := idleProgram(command); name != "" {
		return nil, fmt.Errorf(
			"%w: image %s runs %s, which does nothing without input and would pass: set run or args on the step",
			ErrInvalid,
			i.Name,
			name,
		)
	}
	return command, nil
}

// ImagesKnown reports whether the registries of all images of steps without run have been asked.
func (j Job) ImagesKnown() bool {
	return !slices.ContainsFunc(j.Images, func(i Image) bool { return i.Pinned == "" })
}
