package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/yaci-ci/yaci/internal/citest"
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

// Sessions with the real server, on the cluster, and the stand-in for GitHub, each
// with a repository of the script's name. The command "push FILE [TITLE]" pushes FILE
// as .yaci.yml; "fork FILE" does that to a stranger's fork, opens a pull request and
// sets $FORK to its commit; "begun" awaits that a run runs.
func TestSessions(t *testing.T) {
	w := newWorld(t)
	eve := w.github.CreateUser("eve")
	testscript.Run(t, testscript.Params{Dir: "../../testdata/script/server",
		Setup: func(env *testscript.Env) error {
			r, err := w.github.CreateRepo("ada/"+strings.TrimPrefix(filepath.Base(env.WorkDir), "script-"), false)
			if err != nil {
				return err
			}
			dir := filepath.Join(env.WorkDir, "clone")
			clone, err := r.Clone(dir, w.ada)
			if err != nil {
				return err
			}
			if _, err := clone.Push("Begin", files("")); err != nil {
				return err
			}
			if err := os.Rename(filepath.Join(dir, ".git"), filepath.Join(env.WorkDir, "repo", ".git")); err != nil {
				return err
			}
			clone.Dir = filepath.Join(env.WorkDir, "repo")
			env.Values["clone"], env.Values["repo"] = clone, r
			env.Setenv("YACI_URL", "http://"+w.listen)
			env.Setenv("YACI_API_TOKEN", apiToken)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": code,
			"push": func(ts *testscript.TestScript, _ bool, args []string) {
				title := "Change"
				if len(args) > 1 {
					title = args[1]
				}
				_, err := ts.Value("clone").(*citest.Clone).Push(title, files(ts.ReadFile(args[0])))
				ts.Check(err)
				w.drain()
			},
			"fork": func(ts *testscript.TestScript, _ bool, args []string) {
				r := ts.Value("repo").(*citest.Repo)
				fork, err := w.github.Fork(r, eve)
				ts.Check(err)
				clone, err := fork.Clone(ts.MkAbs("../fork"), eve)
				ts.Check(err)
				sha, err := clone.Push("Change", files(ts.ReadFile(args[0])))
				ts.Check(err)
				_, err = r.OpenPull("eve:main", "main", "Help", eve)
				ts.Check(err)
				w.drain()
				ts.Setenv("FORK", sha)
				ts.Setenv("FORK7", sha[:7])
			},
			"begun": func(ts *testscript.TestScript, _ bool, _ []string) {
				w.until("a run runs", func() bool {
					ts.Check(ts.Exec("yaci", "ls", "--state", "running", "--json"))
					return ts.ReadFile("stdout") != "[]\n"
				})
			},
		}})
}
