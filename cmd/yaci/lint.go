package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/yaci-ci/yaci/pipeline"
)

// lint checks a file as the server does.
type lint struct {
	File   string `arg:"" optional:"" default:".yaci.yml" help:"File to check."`
	Output string `enum:"text,json" default:"text" help:"Output format: text or json."`
}

// Run prints all problems of the file. The error is errProblems if there are any.
func (l lint) Run(out output) error {
	data, err := os.ReadFile(l.File)
	if err != nil {
		return err
	}
	file, err := pipeline.Parse(data)
	var problems pipeline.Problems
	errors.As(err, &problems)
	switch {
	case l.Output == "json":
		report := map[string]any{"file": l.File, "problems": append([]pipeline.Problem{}, problems...)}
		if err := json.NewEncoder(out.stdout).Encode(report); err != nil {
			return err
		}
	case err == nil:
		fmt.Fprintf(out.stdout, "%s is valid: %s\n", l.File, contents(file))
	default:
		fmt.Fprintln(out.stdout, withPath(l.File, problems))
	}
	if err != nil {
		return errProblems
	}
	return nil
}

// withPath returns problems as text with the path that the caller gave, so that terminals and editors can open it.
func withPath(path string, problems pipeline.Problems) string {
	return strings.ReplaceAll("\n"+problems.Error(), "\n"+pipeline.FileName+":", "\n"+path+":")[1:]
}

// contents returns how many jobs and steps a file has, in words.
func contents(file *pipeline.File) string {
	steps := 0
	for _, j := range file.Jobs {
		steps += len(j.Steps)
	}
	return count(len(file.Jobs), "job") + ", " + count(steps, "step")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
