package citest

// FillStatuses makes n statuses at once, to reach GitHub's limit quickly.
func (r *Repo) FillStatuses(sha, name string, n int) {
	r.gh.mu.Lock()
	defer r.gh.mu.Unlock()
	for range n {
		r.statuses[sha] = append(r.statuses[sha], Status{
			ID:      r.gh.newID(),
			SHA:     sha,
			State:   "pending",
			Context: name,
		})
	}
}
