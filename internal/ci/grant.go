package ci

// Grant says which runs may use a secret. Values are never in it.
type Grant struct {
	ID           string   // of the Kubernetes Secret and of the ConfigMap that holds the grant
	Name         string   // of the secret in a file, and of the variable
	Repositories []string // owner/name, owner/* or the numeric id; none: nobody
	Events       []string // push, tag, pull_request, merge_group; none: push
	Branches     []string // globs; none: the default branch
}
