package citest

import (
	"fmt"
	"os"
)

// Forget takes a branch away, after which git hands out no commit that only it
// held. REST still knows them for a while, as GitHub does. No webhook tells of it.
// Nothing can be pushed afterwards that REST would know of.
func (r *Repo) Forget(branch string) error {
	if _, err := git(r.dir, "update-ref", "-d", "refs/heads/"+branch); err != nil {
		return fmt.Errorf("forget %s: %w", branch, err)
	}
	// copies what can be reached
	if _, err := git(r.dir, "clone", "--quiet", "--bare", "--no-local", ".", r.remembered()); err != nil {
		return fmt.Errorf("forget %s: %w", branch, err)
	}
	return nil
}

func (r *Repo) remembered() string { return r.dir + ".remembered" }

// served is the directory that git is served from.
func (r *Repo) served() string {
	if _, err := os.Stat(r.remembered()); err == nil {
		return r.remembered()
	}
	return r.dir
}
