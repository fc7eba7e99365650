package citest

import "fmt"

// Forget takes a branch away, after which git hands out no commit that only it
// held. REST still knows them for a while, as GitHub does. No webhook tells of it.
func (r *Repo) Forget(branch string) error {
	for _, args := range [][]string{
		{"update-ref", "-d", "refs/heads/" + branch}, {"config", "uploadpack.allowAnySHA1InWant", "false"}, {"config", "uploadpack.allowReachableSHA1InWant", "false"},
	} {
		if _, err := git(r.dir, args...); err != nil {
			return fmt.Errorf("forget %s: %w", branch, err)
		}
	}
	return nil
}
