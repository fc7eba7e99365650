package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/yaci-ci/yaci/internal/runner"
)

// prepare is the program of the clone container. Its errors are YACI's and never the user's, so the
// record always has a reason.
func prepare(paths podPaths) int {
	syscall.Umask(0o022)
	out := newOutput()
	r := runner.Record{Started: now()}
	c := runner.ParseClone(os.Getenv)
	revocation := startRevocation(paths, c.RevokeURL)
	var plans []runner.StepPlan
	err := runner.CheckVersion(os.Getenv(runner.VersionVariable))
	if err == nil {
		plans, err = installFiles(paths)
	}
	if err != nil {
		fail(&r, "prepare", err)
	} else {
		paths.workspace = filepath.Join(paths.volume, runner.WorkspacePath)
		paths.homes = filepath.Join(paths.volume, runner.HomesPath)
		prepareWorkspace(paths, c, &r)
	}
	if err := revocation.finish(); err != nil {
		r.Note = strings.TrimPrefix(r.Note+"; revoke clone token: "+err.Error(), "; ")
	}

	budget := 0
	if len(plans) > 0 {
		budget = plans[0].RecordBytes
	}
	finish(&r, out)
	defer out.drain(os.Stdout)
	if err := report(r, paths, budget); err != nil {
		out.say(err.Error())
		return max(r.Exit, 1)
	}
	return r.Exit
}

// prepareWorkspace creates the directories of the volume and fetches the commit. If the users of
// the steps are not known, any of them can take the workspace over afterwards (ownership.go).
func prepareWorkspace(paths podPaths, c runner.Clone, r *runner.Record) {
	err := errors.Join(os.MkdirAll(paths.workspace, 0o755), os.MkdirAll(paths.homes, 0o755),
		os.Chmod(paths.homes, 0o777|os.ModeSticky))
	if err != nil {
		fail(r, "prepare", err)
		return
	}
	fetch(paths, c, r)
	if r.Failed || c.Owned {
		return
	}
	if err := openDirectories(paths.workspace); err != nil {
		fail(r, "prepare", err)
	}
}

// fetch fetches the commit into the workspace.
func fetch(paths podPaths, c runner.Clone, r *runner.Record) {
	if c.Pack {
		if err := unpack(paths, c.SHA, os.Stdin); err != nil {
			fail(r, "unpack", err)
		}
		return
	}
	if c.URL == "" {
		return
	}
	notes, err := clone(paths, c, time.Sleep)
	r.Note = strings.Join(notes, "; ")
	if err != nil {
		fail(r, "clone", err)
	}
}

// fail records an error of YACI, which ends the job in error. what is the part that failed.
func fail(r *runner.Record, what string, err error) {
	r.Exit = 1
	r.Reason = what + ": " + err.Error()
	r.Broken = true
	r.Failed = true
}

// installFiles copies the plan, the scripts and the runner to where the steps read them, and
// prepares their hand-over directory. It returns the plan.
func installFiles(paths podPaths) ([]runner.StepPlan, error) {
	entries, err := os.ReadDir(paths.payload)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Name() == runner.TokenFile || e.Name() == runner.RepositoriesFile || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := copyFile(filepath.Join(paths.payload, e.Name()), filepath.Join(paths.bin, e.Name()), 0o644); err != nil {
			return nil, err
		}
	}
	if _, err := os.Stat(filepath.Join(paths.bin, runner.PlanFile)); err != nil {
		return nil, fmt.Errorf("the job's Secret was deleted: %w", err)
	}
	plans, err := readPlans(paths.bin)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := copyFile(self, filepath.Join(paths.bin, runner.Program), 0o755); err != nil {
		return nil, err
	}
	return plans, prepareHandOver(paths, len(plans))
}

// copyFile copies a file. An existing one is replaced, because the clone container can be
// restarted.
func copyFile(from, to string, mode os.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// unpack reads one commit as a git pack, which yaci exec sends, and checks it out. A pack contains
// its own length and checksum, so it does not matter how the stream is closed.
func unpack(paths podPaths, sha string, pack io.Reader) error {
	if !isCommit(sha) {
		return fmt.Errorf("%q is not a full commit id", sha)
	}
	g := repository{dir: paths.workspace, home: paths.bin}
	if err := g.git("init", "--quiet", "."); err != nil {
		return err
	}
	from := g
	from.stdin = pack
	if err := from.git("index-pack", "--stdin"); err != nil {
		return err
	}
	if err := g.checkout(sha, ""); err != nil {
		return err
	}
	return g.ignoreOwnerChanges()
}
