package main

import (
	"os"
	"path/filepath"
)

// makeCgroups makes the cgroup that holds all of the instance's pods, in each
// hierarchy of cgroup v1, or the one of v2.
func (n instance) makeCgroups() error {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return os.MkdirAll("/sys/fs/cgroup"+n.cgroup(), 0o755)
	}
	roots, err := filepath.Glob("/sys/fs/cgroup/*/cgroup.procs")
	if err != nil {
		return err
	}
	for _, root := range roots {
		parent := filepath.Dir(root)
		dir := parent + n.cgroup()
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		// A new cpuset is empty and takes no process until it is filled.
		for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
			if data, err := os.ReadFile(filepath.Join(parent, f)); err == nil {
				if err := os.WriteFile(filepath.Join(dir, f), data, 0o644); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
