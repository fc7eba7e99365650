package decide

import (
	"fmt"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Order says which of two events of one branch or pull request happened later on GitHub.
type Order string

// The orders.
const (
	First         Order = "first"         // the first event is newer
	Second        Order = "second"        // the second event is newer
	Unknown       Order = "unknown"       // the events do not tell
	Contradictory Order = "contradictory" // the commits that were replaced and the dates disagree
)

// Comparison is the order of two events and the reason, which is a clause for [Superseded]. The reason is empty if the
// order is Unknown or Contradictory.
type Comparison struct {
	Order  Order
	Reason string
}

// Newer decides which of two events is newer by their own contents, since deliveries may arrive in any order: the
// commit that each replaced, and GitHub's dates.
func Newer(a, b ci.Event) Comparison {
	bReplacedA, aReplacedB := b.Before == a.SHA, a.Before == b.SHA
	dated := !a.At.IsZero() && !b.At.IsZero()
	switch {
	case bReplacedA && aReplacedB && dated && a.At.Equal(b.At):
		return Comparison{Contradictory, ""} // the ref went to the other commit and came back within a second
	case bReplacedA && !aReplacedB && dated && !b.At.After(a.At), aReplacedB && !bReplacedA && dated && !a.At.After(b.At):
		return Comparison{Contradictory, ""} // the ref came back to a commit that had been replaced, or a date is wrong
	case bReplacedA && !aReplacedB:
		return Comparison{Second, "which replaced " + a.SHA.Short()}
	case aReplacedB && !bReplacedA:
		return Comparison{First, "which replaced " + b.SHA.Short()}
	case !dated || a.At.Equal(b.At):
		return Comparison{Unknown, ""}
	case b.At.After(a.At):
		return Comparison{Second, laterDate}
	}
	return Comparison{First, laterDate}
}

const (
	laterDate = "which GitHub dates later"
	isHead    = "which is the head now"
)

// NewerByHead decides where [Newer] finds a contradiction: the commit that is the head of the branch or pull request
// now is the newer one. If neither is, the dates decide, and within the same second the replaced commits do.
func NewerByHead(a, b ci.Event, head ci.SHA) Comparison {
	switch {
	case head == b.SHA:
		return Comparison{Second, isHead}
	case head == a.SHA:
		return Comparison{First, isHead}
	case b.At.After(a.At):
		return Comparison{Second, laterDate}
	case a.At.After(b.At):
		return Comparison{First, laterDate}
	case b.Before == a.SHA:
		return Comparison{Second, "which replaced " + a.SHA.Short()}
	}
	return Comparison{First, "which replaced " + b.SHA.Short()}
}

// NewerByHistory decides where [Newer] does not know. relation is GitHub's compare result for b relative to a. For
// diverged commits, b, whose event arrived last, is the newer one.
func NewerByHistory(relation string) Comparison {
	switch strings.ToLower(relation) {
	case "ahead":
		return Comparison{Second, "which builds on the commit of this run"}
	case "behind":
		return Comparison{First, "which builds on the commit of this run"}
	}
	return Comparison{Second, "whose event arrived last"}
}

// Superseded returns the message of a run that was cancelled for a newer commit.
func Superseded(by ci.SHA, reason string) string {
	return fmt.Sprintf("Superseded by %s, %s.", by.Short(), reason)
}
