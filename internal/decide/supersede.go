package decide

import (
	"fmt"
	"strings"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Order is which of two events of one branch or pull request came later on GitHub.
type Order string

// The orders.
const (
	First  Order = "first"  // the first event is the newer
	Second Order = "second" // the second event is the newer
	Unsure Order = "unsure" // the events themselves do not tell
	Torn   Order = "torn"   // which commit was replaced says one thing, and the dates do not agree
)

// Newer tells which of two events is the newer by what they say about
// themselves, since deliveries may come in any order: which commit each replaced,
// and when GitHub says that it happened. why completes "It is the newer: ...".
func Newer(a, b ci.Event) (newer Order, why string) {
	onto, under := b.Before == a.SHA, a.Before == b.SHA
	dated := !a.At.IsZero() && !b.At.IsZero()
	switch {
	case onto && under && dated && a.At.Equal(b.At):
		return Torn, "" // the ref went to the other commit and came back within a second
	case onto && !under && dated && !b.At.After(a.At), under && !onto && dated && !a.At.After(b.At):
		return Torn, "" // the ref has come back to a commit that had been replaced (dates have seconds), or a date is wrong
	case onto && !under:
		return Second, "it replaced " + a.SHA.Short()
	case under && !onto:
		return First, "it replaced " + b.SHA.Short()
	case !dated || a.At.Equal(b.At):
		return Unsure, ""
	case b.At.After(a.At):
		return Second, "GitHub dates it later"
	}
	return First, "GitHub dates it later"
}

// ByHead is Newer where the events contradict each other: the one whose commit is the head of the branch or pull
// request now is the newer one. Where neither is, the dates decide, and in the same second the order of the commits.
func ByHead(a, b ci.Event, head ci.SHA) (newer Order, why string) {
	switch {
	case head == b.SHA:
		return Second, "it is the head now"
	case head == a.SHA:
		return First, "it is the head now"
	case b.At.After(a.At):
		return Second, "GitHub dates it later"
	case a.At.After(b.At):
		return First, "GitHub dates it later"
	case b.Before == a.SHA:
		return Second, "it replaced " + a.SHA.Short()
	}
	return First, "it replaced " + b.SHA.Short()
}

// ByHistory is Newer where the events do not tell: relation is how GitHub says
// that the second commit stands to the first. Of commits that parted, the one that
// YACI heard of last is the newer: b.
func ByHistory(relation string) (newer Order, why string) {
	switch strings.ToLower(relation) {
	case "ahead":
		return Second, "it builds on the other"
	case "behind":
		return First, "it builds on the other"
	}
	return Second, "it was told of last"
}

// Superseded is what a run says that ended for a newer commit.
func Superseded(by ci.SHA, why string) string {
	return fmt.Sprintf("Superseded by a newer push (%s). It is the newer: %s.", by.Short(), why)
}
