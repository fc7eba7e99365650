package webhook_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/webhook"
)

func TestCheckRun(t *testing.T) {
	body := func(action, more, sha string) []byte {
		return []byte(`{"action":"` + action + `",` + more + `"check_run":{"head_sha":"` + sha + `"},"repository":{"id":1,"full_name":"a/b"},"sender":{"id":3,"login":"ada"}}`)
	}
	sha := strings.Repeat("a", 40)
	for name, c := range map[string]struct {
		body  []byte
		obeys bool
	}{
		"Re-run":             {body("rerequested", "", sha), true},
		"YACI's button":      {body("requested_action", `"requested_action":{"identifier":"`+webhook.Rerun+`"},`, sha), true},
		"another's button":   {body("requested_action", `"requested_action":{"identifier":"fix"},`, sha), false},
		"a button of nobody": {body("requested_action", "", sha), false},
		"made":               {body("created", "", sha), false},
	} {
		ev, err := webhook.Decode("check_run", c.body)
		if err != nil || (ev.Ignored == "") != c.obeys || ev.SHA != sha || ev.SenderID != 3 || ev.RepoID != 1 {
			t.Errorf("%s: %+v %v", name, ev, err)
		}
	}
	if _, err := webhook.Decode("check_run", body("rerequested", "", "main")); !errors.Is(err, webhook.ErrMalformed) {
		t.Errorf("a ref instead of a commit: %v", err)
	}
}
