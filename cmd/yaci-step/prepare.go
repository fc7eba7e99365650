package main

import (
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
	syscall.Umask(0) // whatever user a step's image runs as can write the workspace
	r := record{Started: now()}
	if err := seed(at); err != nil {
		r.Exit, r.Reason, r.Broken = 1, "prepare: "+err.Error(), true
	} else if os.Getenv("YACI_CLONE_PACK") != "" {
		if err := unpack(at, os.Getenv("YACI_CLONE_SHA"), os.Stdin); err != nil {
			r.Exit, r.Reason, r.Broken = 1, "unpack: "+err.Error(), true
		}
	} else if u := os.Getenv("YACI_CLONE_URL"); u != "" {
		notes, err := clone(at, u, os.Getenv, time.Sleep)
		r.Note = shorten(strings.Join(notes, "; "))
		if err != nil {
			r.Exit, r.Reason, r.Broken = 1, "clone: "+err.Error(), true
		}
	}
	code := end(r, false, cloned, at, newOutput())
	if err := revoke(at, os.Getenv("YACI_CLONE_REVOKE")); err != nil { // the steps do not wait for it
		if err := note(at, "the clone token was not given back: "+err.Error()); err != nil {
			fmt.Fprintln(os.Stderr, "note:", err)
		}
	}
	return code
}

// seed puts the plan, the scripts and the runner where the steps see them.
func seed(at layout) error {
	entries, err := os.ReadDir(at.seed)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == tokenFile || e.Name() == repositoriesFile || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if err := copyFile(filepath.Join(at.seed, e.Name()), filepath.Join(at.bin, e.Name()), 0o644); err != nil {
			return err
		}
	}
	if _, err := os.Stat(filepath.Join(at.bin, "plan.json")); err != nil {
		return fmt.Errorf("the job's Secret is gone: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := copyFile(self, filepath.Join(at.bin, "yaci-step"), 0o755); err != nil {
		return err
	}
	return touch(seeded(at))
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
