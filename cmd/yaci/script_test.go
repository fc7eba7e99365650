package main

import (
	"errors"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts call yaci, which is then this binary.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"yaci": main})
}

// code is the command "code N PROGRAM ARGS": it must exit with N.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program args")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit %d, want %d", got, want)
	}
}

// Sessions without a server.
func TestOffline(t *testing.T) {
	testscript.Run(
		t,
		testscript.Params{
			Dir:  "../../testdata/script/offline",
			Cmds: map[string]func(*testscript.TestScript, bool, []string){"code": code},
			Setup: func(env *testscript.Env) error {
				env.Setenv("XDG_CONFIG_HOME", env.WorkDir)
				return nil
			},
		},
	)
}
