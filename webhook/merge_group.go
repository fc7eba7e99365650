package webhook

import (
	"fmt"
	"strings"

	"github.com/google/go-github/v62/github"
)

// decodeMergeGroup reads a request of a merge queue to check whether a group of pull requests can be merged.
func decodeMergeGroup(body []byte, ev *Event) error {
	var p github.MergeGroupEvent
	if err := unmarshal(body, &p); err != nil {
		return fmt.Errorf("%w (%w)", ErrMalformed, err)
	}
	g := p.GetMergeGroup()
	if p.Action == nil || g == nil || p.Repo == nil {
		return fmt.Errorf("action, merge_group or repository is missing: %w", ErrMalformed)
	}
	ev.Action = p.GetAction()
	ev.about(p.GetRepo(), p.GetInstallation(), p.GetSender())
	ev.SHA, ev.Ref = g.GetHeadSHA(), g.GetHeadRef()
	ev.BaseSHA, ev.BaseRef = g.GetBaseSHA(), strings.TrimPrefix(g.GetBaseRef(), "refs/heads/")
	ev.Title = firstLine(g.GetHeadCommit().GetMessage())
	return requireRepo(ev)
}
