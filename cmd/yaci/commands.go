package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/alecthomas/kong"
)

// commands is the command line, as kong reads it.
type commands struct {
	Serve     serve      `cmd:"" help:"Run the server."`
	Lint      lint       `cmd:"" help:"Check a .yaci.yml and list all problems."`
	Render    render     `cmd:"" help:"Print the Jobs that an event would start, as YAML."`
	Explain   explain    `cmd:"" help:"Explain which jobs and steps an event would run, and why."`
	Init      initialize `cmd:"" help:"Write a first .yaci.yml for the project in this directory."`
	Exec      execute    `cmd:"" help:"Run the working tree in the current kube-context."`
	Prune     prune      `cmd:"" help:"Delete old runs, logs and deliveries, as the server does once a day."`
	Backup    backup     `cmd:"" help:"Copy the SQLite database to a file while the server runs."`
	Secret    secret     `cmd:"" help:"Manage secrets and which runs may use them."`
	Repo      repo       `cmd:"" help:"Manage which private repositories the runs of others may clone."`
	Token     token      `cmd:"" help:"Manage API tokens."`
	Doctor    doctorCmd  `cmd:"" help:"Check an installation and say how to fix what is wrong."`
	Uninstall uninstall  `cmd:"" help:"Delete all Jobs and Secrets that YACI has made, including finalizers."`

	Login      login      `cmd:"" help:"Store the address of a server and a token."`
	Ls         ls         `cmd:"" help:"List runs."`
	View       view       `cmd:"" help:"Show a run with its jobs and steps."`
	Logs       logsCmd    `cmd:"" help:"Print the logs of a run's steps."`
	Wait       wait       `cmd:"" help:"Wait for the runs of a commit, and exit with their outcome."`
	Run        runCmd     `cmd:"" help:"Run a commit or a branch; after --, one shell command."`
	Retry      retry      `cmd:"" help:"Re-run a run."`
	Cancel     cancel     `cmd:"" help:"Cancel a run."`
	Approve    approve    `cmd:"" help:"Approve a run of a pull request from a fork."`
	Open       open       `cmd:"" help:"Open a run in the browser."`
	Queue      queueCmd   `cmd:"" help:"List the queued jobs and what they are waiting for."`
	Completion completion `cmd:"" help:"Print a completion script for a shell."`

	Complete    complete    `cmd:"" hidden:"" help:"List possible next words; the completion scripts call it."`
	Probe       probe       `cmd:"" hidden:"" help:"Report what a build can see and reach; the Jobs of yaci doctor run it."`
	RevokeToken revokeToken `cmd:"" hidden:"" help:"Revoke a clone token; the clone container runs it."`
}

// exitCode is an error that ends the program with this code, without a message.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit %d", int(c)) }

// errProblems ends a command that has found problems and printed them.
const errProblems = exitCode(1)

// run executes one command. It is the whole program but for the process, so that tests can call it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var c commands
	exited := false // kong has printed help and would exit
	parser, err := kong.New(&c,
		kong.Name("yaci"),
		kong.Description("Yet Another CI: GitHub in, Kubernetes Jobs out."),
		kong.Writers(stdout, stderr),
		kong.Exit(func(int) { exited = true }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.BindTo(os.Stdin, (*io.Reader)(nil)),
		kong.Bind(output{stdout: stdout, stderr: stderr}),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
	)
	if err != nil {
		return err
	}
	command, err := parser.Parse(args)
	if exited {
		return nil
	}
	if err != nil {
		return err
	}
	return command.Run()
}

// output is where commands write.
type output struct{ stdout, stderr io.Writer }

// printJSON writes a value to standard output as indented JSON.
func printJSON(out output, v any) error {
	to := json.NewEncoder(out.stdout)
	to.SetIndent("", "  ")
	return to.Encode(v)
}
