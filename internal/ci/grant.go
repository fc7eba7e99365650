package ci

// Grant says which runs may use a secret. Values are never in it.
type Grant struct {
	ID           string   // of the Kubernetes Secret and of the ConfigMap that holds the grant
	Name         string   // of the secret in a file, and of the variable
	UID          string   // of the ConfigMap; one that is made anew has another
	Repositories []string // owner/name#id, the id alone, owner/name or owner/*; none: nobody
	Events       []string // push, tag, pull_request, merge_group; none: push
	Branches     []string // globs; none: the default branch

	// Pins are the numeric ids that the names in Repositories meant when they were first seen, by the name in lower
	// case: of a repository, or for owner/* of an account. A name without one means nothing yet.
	Pins map[string]int64
}

// GrantPin is what a name in a grant meant when it was first seen.
type GrantPin struct {
	Grant string // UID
	Name  string // owner/name or owner/*, in lower case
	ID    int64  // of the repository, or of the account
}
