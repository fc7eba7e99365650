package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/yaci-ci/yaci/internal/citest"
)

// check waits for a check run of a commit that is newer than another and has ended.
func (w *World) check(r *citest.Repo, sha, name string, after int64) (found citest.Check) {
	w.T.Helper()
	w.Until("check "+name, func() bool {
		for _, c := range r.Checks(sha) {
			if c.Name == name && c.ID > after && c.Status == "completed" {
				found = c
			}
		}
		return found.ID != 0
	})
	return found
}

// TestChecks: a check run tells what failed and where, and its button runs that again.
func TestChecks(t *testing.T) {
	t.Parallel()
	w := NewWorld(t, "YACI_CHECKS=on", "YACI_PUBLIC_URL=http://LISTEN_ADDRESS")
	r := w.Repo("checks", false)
	sha := w.push(r, `
image: IMAGE
quiet: true
jobs:
  fine: {steps: ['true']}
  broken:
    steps:
      - echo built $YACI_RUN_URL
      - name: test
        run: |
          for i in $(seq 30); do echo "line $i"; done
          echo "::error file=main.go,line=3,col=5,title=Oh::It is broken"
          echo last words
          exit 3
`)
	const page = "/ada/checks/runs/1"
	told := w.check(r, sha, "yaci", 0)
	if told.Conclusion != "failure" || !strings.Contains(told.Title, "test failed") ||
		told.DetailsURL != "http://"+w.Listen+page+"#2-test:L31" {
		t.Errorf("check: %+v", told)
	}
	if !strings.Contains(told.Summary, "| <code>test</code> | failure |") ||
		!strings.Contains(told.Summary, "**<code>fine</code>**: success") {
		t.Errorf("summary: %s", told.Summary)
	}
	if !strings.HasSuffix(told.Text, "\nlast words\n```\n") || strings.Contains(told.Text, "line 12\n") ||
		!strings.Contains(told.Text, "line 13\n") {
		t.Errorf("text: %s", told.Text)
	}
	want := (citest.CheckAnnotation{
		Path:        "main.go",
		StartLine:   3,
		EndLine:     3,
		StartColumn: 5,
		Level:       "failure",
		Message:     "It is broken",
		Title:       "Oh",
	})
	if len(told.Annotations) != 1 || told.Annotations[0] != want {
		t.Errorf("annotations: %+v", told.Annotations)
	}
	c := w.check(r, sha, "yaci/broken", 0)
	if c.Conclusion != "failure" || c.DetailsURL != "http://"+w.Listen+page+"/attempts/1/jobs/2#2-test:L31" {
		t.Errorf("check of the job: %+v", c)
	}
	c = w.check(r, sha, "yaci/fine", 0)
	if c.Conclusion != "success" || len(c.Annotations) != 0 || c.Text != "" {
		t.Errorf("check of the job that passed: %+v", c)
	}
	started := w.Stored("SELECT id FROM runs")
	code, body := w.call("GET", page+"/attempts/1/jobs/2/steps/1-echo-built-yaci-run-url/log.txt", "", "")
	if code != http.StatusOK ||
		!strings.Contains(body, "built http://"+w.Listen+"/-/runs/"+started+"\n") {
		t.Errorf("C16: the first step knows its run's address as %d %s", code, body)
	}
	code, body = w.call("GET", "/-/runs/"+started, "", "")
	if code != http.StatusOK || !strings.Contains(body, `id="2-test:L31"`) {
		t.Errorf("C16: that address leads to %d %s", code, body)
	}
	code, body = w.call("GET", page, "", "")
	if code != http.StatusOK || !strings.Contains(body, `data-error="31"`) ||
		!strings.Contains(body, `class="l wrong" id="2-test:L31"`) {
		t.Errorf("page: %d %s", code, body)
	}

	eve := w.GitHub.CreateUser("eve")
	r.Rerequest(told, eve)
	w.Drain()
	r.Rerequest(told, w.Ada)
	again := w.check(r, sha, "yaci", told.ID)
	if again.Conclusion != "failure" || len(again.Annotations) != 1 {
		t.Errorf("check of the second attempt: %+v", again)
	}
	if n := strings.Count(w.Log.String(), `msg="launched job"`); n != 3 {
		t.Errorf("%d jobs were launched; two have run, and the one that failed again", n)
	}
	if why := w.Stored("SELECT reason FROM deliveries WHERE name = 'check_run' ORDER BY id"); !strings.HasPrefix(
		why,
		"Refused: only people with write access",
	) {
		t.Errorf("eve's click: %q", why)
	}
	if code, body := w.call("GET", page+"/attempts/2", "", ""); code != http.StatusOK ||
		strings.Contains(body, "Attempt 3") {
		t.Errorf("page of the second attempt: %d %s", code, body)
	}

	w.GitHub.Send(
		"check_suite",
		fmt.Appendf(
			nil,
			`{"action":"rerequested","check_suite":{"head_sha":"%s"},"repository":{"id":%d,"full_name":"ada/checks","private":%t},"installation":{"id":%d},"sender":{"id":%d,"login":"ada"}}`,
			sha,
			r.ID,
			r.Private(),
			citest.InstallationID,
			w.Ada.ID,
		),
	)
	if third := w.check(r, sha, "yaci", again.ID); third.Conclusion != "failure" {
		t.Errorf("check after Re-run all checks: %+v", third)
	}
}
