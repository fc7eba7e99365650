package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/yaci-ci/yaci/pipeline"
)

type lint struct {
	File   string `arg:"" optional:"" default:".yaci.yml" help:"File to check."`
	Output string `enum:"text,json" default:"text" help:"text, or json for programs."`
}

// Run is the server's own check, without a server. Problems are errFound.
func (l lint) Run(out output) error {
	data, err := os.ReadFile(l.File)
	if err != nil {
		return err
	}
	file, err := pipeline.Parse(data)
	var problems pipeline.Problems
	errors.As(err, &problems)
	if l.Output == "json" {
		if err := json.NewEncoder(out.stdout).Encode(map[string]any{"file": l.File, "problems": append([]pipeline.Problem{}, problems...)}); err != nil {
			return err
		}
	} else if err == nil {
		fmt.Fprintf(out.stdout, "%s is good: %s\n", l.File, content(file))
	} else {
		fmt.Fprintln(out.stdout, named(l.File, problems))
	}
	if err != nil {
		return errFound
	}
	return nil
}

// named shows problems with the path that the caller gave, so that terminals and editors can open it.
func named(path string, ps pipeline.Problems) string {
	return strings.ReplaceAll("\n"+ps.Error(), "\n"+pipeline.FileName+":", "\n"+path+":")[1:]
}

func content(file *pipeline.File) string {
	steps := 0
	for _, j := range file.Jobs {
		steps += len(j.Steps)
	}
	return count(len(file.Jobs), "job") + ", " + count(steps, "step")
}

func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
