package webhook_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/webhook"
)

// S7: what becomes of a repository itself.
func TestS7Repository(t *testing.T) {
	const rest = `"repository":{"id":7,"full_name":"ada/hello","private":true,"default_branch":"trunk","updated_at":"2026-01-02T03:04:05Z"},` +
		`"installation":{"id":5},"sender":{"id":3,"login":"ada"}`
	for name, c := range map[string]struct {
		event, body, action string
		ignored             bool
	}{
		"renamed":     {"repository", `{"action":"renamed","changes":{"repository":{"name":{"from":"old"}}},` + rest + `}`, "renamed", false},
		"transferred": {"repository", `{"action":"transferred","changes":{"owner":{"from":{"user":{"login":"eve","id":9}}}},` + rest + `}`, "transferred", false},
		"privatized":  {"repository", `{"action":"privatized",` + rest + `}`, "privatized", false},
		"publicized":  {"repository", `{"action":"publicized",` + rest + `}`, "publicized", false},
		"archived":    {"repository", `{"action":"archived",` + rest + `}`, "archived", false},
		"unarchived":  {"repository", `{"action":"unarchived",` + rest + `}`, "unarchived", false},
		"deleted":     {"repository", `{"action":"deleted",` + rest + `}`, "deleted", false},
		"edited":      {"repository", `{"action":"edited","changes":{"default_branch":{"from":"main"}},` + rest + `}`, "edited", false},
		"created":     {"repository", `{"action":"created",` + rest + `}`, "created", true},
		"new to us":   {"repository", `{"action":"shaken",` + rest + `}`, "shaken", true},
		"public":      {"public", `{` + rest + `}`, "publicized", false},
	} {
		ev, err := webhook.Decode(c.event, []byte(c.body))
		if err != nil || ev.Action != c.action || (ev.Ignored != "") != c.ignored || ev.RepoID != 7 || ev.Owner != "ada" || ev.Repo != "hello" ||
			!ev.Private || ev.DefaultBranch != "trunk" ||
			ev.InstallationID != 5 ||
			!ev.At.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
			t.Errorf("%s: %+v %v", name, ev, err)
		}
	}
	for _, event := range []string{"repository", "public"} {
		for _, body := range []string{`{}`, `{"action":"renamed"}`, `{"action":1,` + rest + `}`, `{"action":"renamed","repository":{"id":7,"full_name":"../x"}}`, `{"action":"renamed","repository":{"full_name":"ada/hello"}}`} {
			if event == "public" && strings.HasPrefix(body, `{"action":1`) {
				continue // it has none
			}
			if _, err := webhook.Decode(event, []byte(body)); !errors.Is(err, webhook.ErrMalformed) {
				t.Errorf("%s %s: %v", event, body, err)
			}
		}
	}
}
