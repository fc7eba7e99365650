package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/yaci-ci/yaci/internal/config"
	"github.com/yaci-ci/yaci/internal/server"
	"github.com/yaci-ci/yaci/pipeline"
)

// commands is the command line, as kong reads it.
type commands struct {
	Serve config.Config `cmd:"" help:"Run the server."`
	Lint  struct {
		File string `arg:"" optional:"" default:".yaci.yml" help:"File to check."`
	} `cmd:"" help:"Check a .yaci.yml and name everything that is wrong with it."`
}

// run is the program without its process: tests call it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var c commands
	left := -1
	p, err := kong.New(&c, kong.Name("yaci"), kong.Description("Yet Another CI: GitHub in, Kubernetes Jobs out."),
		kong.Writers(stdout, stderr), kong.Exit(func(code int) { left = code }))
	if err != nil {
		return err
	}
	k, err := p.Parse(args)
	if left >= 0 {
		return nil // help was asked for and shown
	}
	if err != nil {
		return err
	}
	if strings.HasPrefix(k.Command(), "lint") {
		return lint(c.Lint.File, stdout)
	}
	if ps := c.Serve.Problems(); len(ps) > 0 {
		return errors.New("the configuration is not complete:\n  - " + strings.Join(ps, "\n  - "))
	}
	return server.Serve(ctx, c.Serve, slog.New(slog.NewTextHandler(stderr, nil)))
}

// lint is the server's own check, without a server.
func lint(path string, stdout io.Writer) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	file, err := pipeline.Parse(data)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s is good: %d steps\n", path, len(file.Steps))
	return nil
}
