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
)

// commands is the command line, as kong reads it.
type commands struct {
	Serve     serve      `cmd:"" help:"Run the server."`
	Lint      lint       `cmd:"" help:"Check a .yaci.yml and name everything that is wrong with it."`
	Render    render     `cmd:"" help:"Print the Jobs that an event would start, as YAML."`
	Explain   explain    `cmd:"" help:"Say which filter decides what, step by step."`
	Init      initialize `cmd:"" help:"Write a first .yaci.yml from what is found here."`
	Exec      execute    `cmd:"" help:"Run the working tree in the current kube-context."`
	Prune     prune      `cmd:"" help:"Delete old runs, logs and deliveries, as the server does once a day."`
	Backup    backup     `cmd:"" help:"Copy the SQLite database to a file while the server runs."`
	Secret    secret     `cmd:"" help:"Secrets and who may use them."`
	Repo      repo       `cmd:"" help:"Which private repositories the runs of others may clone."`
	Token     token      `cmd:"" help:"API tokens: what they are for, their last use."`
	Doctor    doctorCmd  `cmd:"" help:"Look for what is wrong with an installation, and say how to mend it."`
	Uninstall uninstall  `cmd:"" help:"Delete all Jobs and Secrets of YACI's, finalizers too."`

	Login      login      `cmd:"" help:"Keep a server's address and a token."`
	Ls         ls         `cmd:"" help:"List runs."`
	View       view       `cmd:"" help:"Show a run, its jobs and steps."`
	Logs       logsCmd    `cmd:"" help:"Print what steps have printed."`
	Wait       wait       `cmd:"" help:"Wait for the runs of a commit, and exit with their outcome."`
	Run        runCmd     `cmd:"" help:"Run a commit or a branch; behind --, one shell command."`
	Retry      retry      `cmd:"" help:"Run a run again."`
	Cancel     cancel     `cmd:"" help:"End a run."`
	Approve    approve    `cmd:"" help:"Let a pull request from a fork run."`
	Open       open       `cmd:"" help:"Show a run in the browser."`
	Queue      queueCmd   `cmd:"" help:"List what waits, and for what."`
	Completion completion `cmd:"" help:"Print completion for a shell."`

	Complete    complete    `cmd:"" hidden:"" help:"List how words may go on; completion does."`
	Probe       probe       `cmd:"" hidden:"" help:"Say what a build sees; the Jobs of the doctor do."`
	RevokeToken revokeToken `cmd:"" hidden:"" help:"Give a clone token back; the clone container does."`
}

// exitCode ends a command that has said everything.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit %d", int(c)) }

// errFound says that problems were found and shown.
const errFound = exitCode(1)

// run is the program without its process: tests call it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var c commands
	left := -1
	p, err := kong.New(
		&c,
		kong.Name("yaci"),
		kong.Description("Yet Another CI: GitHub in, Kubernetes Jobs out."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { left = code }),
		kong.BindTo(
			ctx,
			(*context.Context)(nil),
		),
		kong.BindTo(os.Stdin, (*io.Reader)(nil)),
		kong.Bind(output{stdout, stderr}),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
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
	return k.Run()
}

// output is where commands write.
type output struct{ stdout, stderr io.Writer }

type serve struct {
	config.Config
}

// Run serves until the process is told to end.
func (s serve) Run(ctx context.Context, out output) error {
	if ps := s.Problems(); len(ps) > 0 {
		return errors.New("the configuration is not complete:\n  - " + strings.Join(ps, "\n  - "))
	}
	return server.Serve(ctx, s.Config, slog.New(slog.NewTextHandler(out.stderr, nil)))
}
