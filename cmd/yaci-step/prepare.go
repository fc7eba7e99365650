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
)

// prepare is the clone container. Its own failures are YACI's, never the
// user's, so the record always carries a sentence.
func prepare(at layout) int {
	syscall.Umask(0o022)
	out := newOutput()
	r := record{Started: now()}
	revocation := startRevocation(at, os.Getenv("YACI_CLONE_REVOKE"))
	plans, err := seed(at)
	if err != nil {
		r.fail("prepare", err)
	} else {
		at.workspace, at.homes = filepath.Join(at.volume, "workspace"), filepath.Join(at.volume, "home")
		prepareWorkspace(at, &r)
	}
	if err := revocation.finish(); err != nil {
		r.Note = strings.TrimPrefix(r.Note+"; the clone token was not given back: "+err.Error(), "; ")
	}

	budget := 0
	if len(plans) > 0 {
		budget = plans[0].RecordBytes
	}
	r.finish(out)
	defer out.drain(os.Stdout)
	if err := r.report(at, budget); err != nil {
		out.say(err.Error())
		return max(r.Exit, 1)
	}
	return r.Exit
}

// prepareWorkspace makes the directories of the volume, and brings the commit.
// When the users of the steps are not known, any of them can take the workspace
// over from here (ownership.go).
func prepareWorkspace(at layout, r *record) {
	err := errors.Join(os.MkdirAll(at.workspace, 0o755), os.MkdirAll(at.homes, 0o755),
		os.Chmod(at.homes, 0o777|os.ModeSticky))
	if err != nil {
		r.fail("prepare", err)
		return
	}
	fetch(at, r)
	if r.Failed || os.Getenv("YACI_CLONE_OWNED") != "" {
		return
	}
	if err := openDirectories(at.workspace); err != nil {
		r.fail("prepare", err)
	}
}

// fetch brings the commit into the workspace.
func fetch(at layout, r *record) {
	if os.Getenv("YACI_CLONE_PACK") != "" {
		if err := unpack(at, os.Getenv("YACI_CLONE_SHA"), os.Stdin); err != nil {
			r.fail("unpack", err)
		}
		return
	}
	u := os.Getenv("YACI_CLONE_URL")
	if u == "" {
		return
	}
	notes, err := clone(at, u, os.Getenv, time.Sleep)
	r.Note = strings.Join(notes, "; ")
	if err != nil {
		r.fail("clone", err)
	}
}

func (r *record) fail(what string, err error) {
	r.Exit, r.Reason, r.Broken, r.Failed = 1, what+": "+err.Error(), true, true
}

// seed puts the plan, the scripts and the runner where the steps see them, and
// prepares their hand-over. It returns the plan.
func seed(at layout) ([]plan, error) {
	entries, err := os.ReadDir(at.seed)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Name() == tokenFile || e.Name() == repositoriesFile || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := copyFile(filepath.Join(at.seed, e.Name()), filepath.Join(at.bin, e.Name()), 0o644); err != nil {
			return nil, err
		}
	}
	if _, err := os.Stat(filepath.Join(at.bin, "plan.json")); err != nil {
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
	if err := copyFile(self, filepath.Join(at.bin, "yaci-step"), 0o755); err != nil {
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
