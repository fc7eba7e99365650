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

// prepare is the clone container. Its own failures are YACI's, never the
// user's, so the record always carries a sentence.
func prepare(at layout) int {
	syscall.Umask(0o022)
	out := newOutput()
	r := runner.Record{Started: now()}
	c := runner.ParseClone(os.Getenv)
	revocation := startRevocation(at, c.RevokeURL)
	var plans []runner.StepPlan
	err := runner.CheckVersion(os.Getenv(runner.VersionVariable))
	if err == nil {
		plans, err = seed(at)
	}
	if err != nil {
		fail(&r, "prepare", err)
	} else {
		at.workspace = filepath.Join(at.volume, runner.WorkspacePath)
		at.homes = filepath.Join(at.volume, runner.HomesPath)
		prepareWorkspace(at, c, &r)
	}
	if err := revocation.finish(); err != nil {
		r.Note = strings.TrimPrefix(r.Note+"; the clone token was not given back: "+err.Error(), "; ")
	}

	budget := 0
	if len(plans) > 0 {
		budget = plans[0].RecordBytes
	}
	finish(&r, out)
	defer out.drain(os.Stdout)
	if err := report(r, at, budget); err != nil {
		out.say(err.Error())
		return max(r.Exit, 1)
	}
	return r.Exit
}

// prepareWorkspace makes the directories of the volume, and brings the commit.
// When the users of the steps are not known, any of them can take the workspace
// over from here (ownership.go).
func prepareWorkspace(at layout, c runner.Clone, r *runner.Record) {
	err := errors.Join(os.MkdirAll(at.workspace, 0o755), os.MkdirAll(at.homes, 0o755),
		os.Chmod(at.homes, 0o777|os.ModeSticky))
	if err != nil {
		fail(r, "prepare", err)
		return
	}
	fetch(at, c, r)
	if r.Failed || c.Owned {
		return
	}
	if err := openDirectories(at.workspace); err != nil {
		fail(r, "prepare", err)
	}
}

// fetch brings the commit into the workspace.
func fetch(at layout, c runner.Clone, r *runner.Record) {
	if c.Pack {
		if err := unpack(at, c.SHA, os.Stdin); err != nil {
			fail(r, "unpack", err)
		}
		return
	}
	if c.URL == "" {
		return
	}
	notes, err := clone(at, c, time.Sleep)
	r.Note = strings.Join(notes, "; ")
	if err != nil {
		fail(r, "clone", err)
	}
}

func fail(r *runner.Record, what string, err error) {
	r.Exit = 1
	r.Reason = what + ": " + err.Error()
	r.Broken = true
	r.Failed = true
}

// seed puts the plan, the scripts and the runner where the steps see them, and
// prepares their hand-over. It returns the plan.
func seed(at layout) ([]runner.StepPlan, error) {
	entries, err := os.ReadDir(at.seed)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Name() == runner.TokenFile || e.Name() == runner.RepositoriesFile || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := copyFile(filepath.Join(at.seed, e.Name()), filepath.Join(at.bin, e.Name()), 0o644); err != nil {
			return nil, err
		}
	}
	if _, err := os.Stat(filepath.Join(at.bin, runner.PlanFile)); err != nil {
		return nil, fmt.Errorf("the job's Secret is gone: %w", err)
	}
	plans, err := readPlans(at.bin)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if err := copyFile(self, filepath.Join(at.bin, runner.Program), 0o755); err != nil {
		return nil, err
	}
	return plans, makeHandOver(at, len(plans))
}

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
