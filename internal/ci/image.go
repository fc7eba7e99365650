package ci

import (
	"fmt"
	"slices"
)

// Image is the image of steps without run, and the command that it runs by itself.
type Image struct {
	Name       string // as the file writes it
	Pinned     string // the same image by its digest; empty until its registry was asked
	Entrypoint []string
	Cmd        []string
}

// Command returns the command of a step with the given args, which replace CMD if there are any. It returns an
// [ErrInvalid] if the image has no command, or one that does nothing in a step.
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
