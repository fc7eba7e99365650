package webhook_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/webhook"
)

func TestCheckSuite(t *testing.T) {
	body := func(action, sha string) []byte {
		return []byte(
			`{"action":"` + action + `","check_suite":{"head_sha":"` + sha + `"},"repository":{"id":1,"full_name":"a/b"},"sender":{"id":3,"login":"ada"}}`,
		)
	}
	sha := strings.Repeat("a", 40)
	for action, obeys := range map[string]bool{"rerequested": true, "requested": false, "completed": false} {
		ev, err := webhook.Decode("check_suite", body(action, sha))
		if err != nil || (ev.Ignored == "") != obeys || ev.SHA != sha || ev.SenderID != 3 || ev.RepoID != 1 {
			t.Errorf("%s: %+v %v", action, ev, err)
		}
	}
	for name, b := range map[string][]byte{"a ref": body("rerequested", "main"), "no suite": []byte(`{"action":"rerequested","repository":{"id":1,"full_name":"a/b"}}`)} {
		if _, err := webhook.Decode("check_suite", b); !errors.Is(err, webhook.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckRun(t *testing.T) {
	body := func(action, more, sha string) []byte {
		return []byte(
			`{"action":"` + action + `",` + more + `"check_run":{"head_sha":"` + sha + `"},"repository":{"id":1,"full_name":"a/b"},"sender":{"id":3,"login":"ada"}}`,
		)
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
