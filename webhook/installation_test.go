package webhook_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/yaci-ci/yaci/webhook"
)

func TestInstallation(t *testing.T) {
	const rest = `"installation":{"id":5},"sender":{"id":3,"login":"ada"}`
	for name, c := range map[string]struct {
		event, body string
		ends        bool
		removed     []int64
	}{
		"deleted":    {"installation", `{"action":"deleted",` + rest + `}`, true, nil},
		"suspended":  {"installation", `{"action":"suspend",` + rest + `}`, true, nil},
		"back again": {"installation", `{"action":"unsuspend",` + rest + `}`, false, nil},
		"made":       {"installation", `{"action":"created",` + rest + `}`, false, nil},
		"removed":    {"installation_repositories", `{"action":"removed","repositories_removed":[{"id":7},{"id":8}],` + rest + `}`, true, []int64{7, 8}},
		"added":      {"installation_repositories", `{"action":"added","repositories_added":[{"id":7}],"repositories_removed":[],` + rest + `}`, false, nil},
	} {
		ev, err := webhook.Decode(c.event, []byte(c.body))
		if err != nil || (ev.Ignored == "") != c.ends || !slices.Equal(ev.Removed, c.removed) || ev.InstallationID != 5 ||
			ev.SenderID != 3 {
			t.Errorf("%s: %+v %v", name, ev, err)
		}
	}
	for _, event := range []string{"installation", "installation_repositories"} {
		for _, body := range []string{`{}`, `{"action":"deleted"}`, `{"action":1}`, `{` + rest + `}`} {
			if _, err := webhook.Decode(event, []byte(body)); !errors.Is(err, webhook.ErrMalformed) {
				t.Errorf("%s %s: %v", event, body, err)
			}
		}
	}
}
