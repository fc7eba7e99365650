package citest

import (
	"fmt"
	"strings"
)

// refresh brings a pull request up to its branches: it moves refs/pull/N/head
// and refs/pull/N/merge and counts what changed.
func (p *Pull) refresh() error {
	s := p.snapshot()
	dir := p.Repo.dir
	head := commitOf(p.head.dir, "heads/"+s.headRef)
	base := commitOf(dir, "heads/"+s.baseRef)
	if head == "" || base == "" {
		return fmt.Errorf("no branch %q or %q", s.headRef, s.baseRef)
	}
	ref := fmt.Sprintf("refs/pull/%d/", p.Number)
	if p.head != p.Repo {
		if _, err := git(dir, "fetch", "--quiet", "--no-tags", p.head.dir, "+refs/heads/"+s.headRef+":"+ref+"head"); err != nil {
			return err
		}
	}
	if _, err := git(dir, "update-ref", ref+"head", head); err != nil {
		return err
	}
	merge, err := testMerge(dir, base, head, p.Number)
	if err != nil {
		return err
	}
	if merge != "" {
		if _, err := git(dir, "update-ref", ref+"merge", merge); err != nil {
			return err
		}
	}
	commits, err := logCommits(dir, base+".."+head)
	if err != nil {
		return err
	}
	files, err := p.diff(base, head)
	if err != nil {
		return err
	}
	p.update(func(s *pullState) {
		s.headSHA = head
		s.baseSHA = base
		s.mergeSHA = merge
		s.commits = len(commits)
		s.files = len(files)
		s.additions = 0
		s.deletions = 0
		for _, f := range files {
			s.additions += f.additions
			s.deletions += f.deletions
		}
	})
	return nil
}

// diff is what a pull request changes since it left its base.
func (p *Pull) diff(base, head string) ([]fileDiff, error) {
	return diffFiles(p.Repo.dir, mergeBase(p.Repo.dir, base, head), head)
}

// mergeBase is where two commits parted, the empty tree when they never met.
func mergeBase(dir, a, b string) string {
	out, err := git(dir, "merge-base", a, b)
	if err != nil {
		return emptyTree
	}
	return strings.TrimSpace(out)
}

// testMerge merges head into base without a work tree; "" when it conflicts.
func testMerge(dir, base, head string, number int) (string, error) {
	tree, err := git(dir, "merge-tree", "--write-tree", base, head)
	if err != nil {
		return "", nil //nolint:nilerr // git says conflict and unrelated history by its exit code; both mean no merge
	}
	message := fmt.Sprintf("Merge pull request #%d", number)
	out, err := git(dir, "commit-tree", "-p", base, "-p", head, "-m", message, strings.TrimSpace(tree))
	return strings.TrimSpace(out), err
}
