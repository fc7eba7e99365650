package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/yaci-ci/yaci/internal/citest"
)

// TestSessions runs the scripts of testdata/script/server against a server on the cluster, each with a repository of
// the script's name.
func TestSessions(t *testing.T) {
	w := NewWorld(t)
	eve := w.GitHub.CreateUser("eve")
	testscript.Run(t, testscript.Params{
		Dir:   "../../testdata/script/server",
		Setup: func(env *testscript.Env) error { return w.setUpSession(env) },
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":  ExitCode,
			"yaci":  yaciCommand,
			"push":  w.pushCommand,
			"begun": w.begunCommand,
			"fork":  func(ts *testscript.TestScript, _ bool, args []string) { w.forkCommand(ts, eve, args) },
		},
	})
}

// setUpSession makes the script's repository with a first commit, and sets the variables of the client.
func (w *World) setUpSession(env *testscript.Env) error {
	r, err := w.GitHub.CreateRepo("ada/"+strings.TrimPrefix(filepath.Base(env.WorkDir), "script-"), false)
	if err != nil {
		return err
	}
	dir := filepath.Join(env.WorkDir, "clone")
	clone, err := r.Clone(dir, w.Ada)
	if err != nil {
		return err
	}
	if _, err := clone.Push("Begin", Files("")); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(dir, ".git"), filepath.Join(env.WorkDir, "repo", ".git")); err != nil {
		return err
	}
	clone.Dir = filepath.Join(env.WorkDir, "repo")
	env.Values["clone"] = clone
	env.Values["repo"] = r
	bin, err := filepath.Abs("../../bin")
	if err != nil {
		return err
	}
	env.Setenv("PATH", bin+string(filepath.ListSeparator)+env.Getenv("PATH"))
	env.Setenv("YACI_URL", "http://"+w.Listen)
	env.Setenv("YACI_API_TOKEN", apiToken)
	return nil
}

// yaciCommand is the command "yaci ARGS", which must succeed, and "! yaci ARGS", which must fail.
func yaciCommand(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec("yaci", args...)
	if neg && err == nil {
		ts.Fatalf("yaci succeeded unexpectedly")
	}
	if !neg {
		ts.Check(err)
	}
}

// pushCommand is the command "push FILE [TITLE]", which pushes FILE as .yaci.yml.
func (w *World) pushCommand(ts *testscript.TestScript, _ bool, args []string) {
	title := "Change"
	if len(args) > 1 {
		title = args[1]
	}
	_, err := ts.Value("clone").(*citest.Clone).Push(title, Files(ts.ReadFile(args[0])))
	ts.Check(err)
	w.Drain()
}

// forkCommand is the command "fork FILE", which pushes FILE as .yaci.yml to a stranger's fork, opens a pull request,
// and sets $FORK to its commit and $FORK7 to the first digits of it.
func (w *World) forkCommand(ts *testscript.TestScript, eve citest.User, args []string) {
	r := ts.Value("repo").(*citest.Repo)
	fork, err := w.GitHub.Fork(r, eve)
	ts.Check(err)
	clone, err := fork.Clone(ts.MkAbs("../fork"), eve)
	ts.Check(err)
	sha, err := clone.Push("Change", Files(ts.ReadFile(args[0])))
	ts.Check(err)
	_, err = r.OpenPull("eve:main", "main", "Help", eve)
	ts.Check(err)
	w.Drain()
	ts.Setenv("FORK", sha)
	ts.Setenv("FORK7", sha[:7])
}

// begunCommand is the command "begun", which waits until a run is running.
func (w *World) begunCommand(ts *testscript.TestScript, _ bool, _ []string) {
	w.Until("a run runs", func() bool {
		ts.Check(ts.Exec("yaci", "ls", "--state", "running", "--json"))
		return ts.ReadFile("stdout") != "[]\n"
	})
}
