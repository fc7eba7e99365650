package wire

import (
	"time"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Access lets the runs of one repository read another one.
type Access struct {
	Repo    RepoRef   `json:"repo"` // what may be read
	From    RepoRef   `json:"from"` // whose runs may read it
	By      string    `json:"by"`
	Allowed time.Time `json:"allowed"`
}

// RepoRef names a repository. The id is what counts.
type RepoRef struct {
	ID   int64  `json:"id"`
	Name string `json:"name"` // owner/name, as it was when access was allowed
}

// OfAccess is an access as JSON tells of it.
func OfAccess(a ci.RepoAccess) Access {
	return Access{
		Repo:    RepoRef{ID: a.Repo.ID, Name: a.Repo.FullName()},
		From:    RepoRef{ID: a.From.ID, Name: a.From.FullName()},
		By:      a.By.Login,
		Allowed: a.At.UTC().Truncate(time.Millisecond),
	}
}
