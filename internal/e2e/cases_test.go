package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

// trial is one of the cases in testdata/cases, played through the real server.
type trial struct {
	id   string // its directory
	want string // what is right
	play func(c *played)
}

// trials are all cases, in the order of their ids.
func trials() []trial {
	return slices.Concat(eventTrials(), stepTrials(), lintTrials(), clusterTrials())
}

// TestCases plays each case of testdata/cases: a small pipeline, and what somebody
// does with it, that had a wrong outcome once.
func TestCases(t *testing.T) {
	t.Parallel()
	w := NewWorld(t)
	dirs := must(os.ReadDir("../../testdata/cases"))(t)
	all := trials()
	for _, d := range dirs {
		if !slices.ContainsFunc(all, func(c trial) bool { return c.id == d.Name() }) {
			t.Errorf("nothing plays the case %s", d.Name())
		}
	}
	for _, c := range all {
		t.Run(c.id, func(t *testing.T) {
			t.Parallel()
			server := *w
			server.T = t
			p := &played{World: &server, dir: filepath.Join("../../testdata/cases", c.id), id: c.id}
			p.yaml = p.file()
			p.r = p.Repo(c.id, false)
			c.play(p)
			if t.Failed() {
				t.Logf("what is right: %s", c.want)
			}
		})
	}
}

// played is a case while it is played, with a repository of its own.
type played struct {
	*World
	id, dir string
	yaml    string // the case's .yaci.yml
	r       *citest.Repo
}

// file is the case's .yaci.yml with the images of this cluster.
func (c *played) file() string {
	c.T.Helper()
	text := string(must(os.ReadFile(filepath.Join(c.dir, ".yaci.yml")))(c.T))
	for name, variable := range map[string]string{
		"image: SHELL": "YACI_RUN_IMAGE", "image: GIT": "YACI_IMAGE", "image: DEBIAN": "YACI_TOOLS_IMAGE", "image: PYTHON": "YACI_TOOLS_IMAGE",
		"image: IMAGE_WITH_USER_1000": "YACI_UID_1000_IMAGE", "image: IMAGE_WITH_USER_12345": "YACI_UID_12345_IMAGE",
		"image: IMAGE_OF_ANOTHER_ARCHITECTURE": "YACI_OTHER_ARCHITECTURE_IMAGE",
	} {
		for _, end := range []string{"\n", " "} {
			if strings.Contains(text, name+end) {
				image := os.Getenv(variable)
				if image == "" {
					c.T.Skipf("%s is not set: run make test", variable)
				}
				text = strings.ReplaceAll(text, name+end, "image: "+image+end)
			}
		}
	}
	return text
}

// files are those of a commit with the case's .yaci.yml.
func (c *played) files(more map[string]string) map[string]string {
	all := map[string]string{"README": "hello\n", ".yaci.yml": c.yaml}
	for path, text := range more {
		all[path] = text
	}
	return all
}

func (c *played) clone() *citest.Clone {
	c.T.Helper()
	return must(c.r.Clone(c.T.TempDir(), c.Ada))(c.T)
}

// pushes pushes the case's file, and more, to main.
func (c *played) pushes(more map[string]string) (*citest.Clone, string) {
	c.T.Helper()
	clone := c.clone()
	return clone, must(clone.Push("Change", c.files(more)))(c.T)
}

// handled waits until the server has done what the webhooks so far ask for.
func (c *played) handled() {
	c.T.Helper()
	c.Drain()
	c.Until("deliveries are handled", func() bool {
		var pending []struct{ Repo string }
		c.get("/api/v1/deliveries?state=pending&limit=200", &pending)
		return !slices.ContainsFunc(pending, func(d struct{ Repo string }) bool { return d.Repo == c.r.FullName() })
	})
}

func (c *played) get(path string, into any) {
	c.T.Helper()
	code, body := c.call("GET", path, "", apiToken)
	err := json.Unmarshal([]byte(body), into)
	if code != 200 || err != nil {
		c.T.Fatalf("GET %s: %d %v %s", path, code, err, body)
	}
}

// caseRun is a run as the API shows it.
type caseRun struct{ ID, Event, SHA, State, Message string }

// runs are the repository's runs, the newest first.
func (c *played) runs() []caseRun {
	c.T.Helper()
	var page struct{ Runs []caseRun }
	c.get("/api/v1/runs?repo="+c.r.FullName(), &page)
	return page.Runs
}

// log is the log of a step of the newest run's only job, from 1.
func (c *played) log(step int) string {
	c.T.Helper()
	runs := c.runs()
	if len(runs) == 0 {
		c.T.Fatal("there is no run")
	}
	text, err := c.follow(runs[0].ID, step)
	if err != nil {
		c.T.Fatalf("log of step %d: %v", step, err)
	}
	return text
}

// follow reads a log of a run's only job to its end, for at most half a minute.
func (c *played) follow(run string, step int) (string, error) {
	ctx := citesttest.Context(c.T, 30*time.Second)
	req := must(
		http.NewRequestWithContext(
			ctx,
			"GET",
			fmt.Sprintf("http://%s/api/v1/runs/%s/jobs/yaci-%s-1/steps/%d/log?follow=1", c.Listen, run, run, step),
			http.NoBody,
		),
	)(
		c.T,
	)
	req.Header.Set("Authorization", "Bearer "+apiToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, text)
	}
	return string(text), err
}

// ends waits for the outcome of a commit.
func (c *played) ends(sha, state, description string) {
	c.T.Helper()
	c.endsIn("yaci", sha, state, description)
}

func (c *played) endsIn(context, sha, state, description string) {
	c.T.Helper()
	st := must(c.r.WaitStatus(citesttest.Context(c.T, 90*time.Second), sha, context, citest.Finished))(c.T)
	if st.State != state || !strings.Contains(st.Description, description) {
		c.T.Errorf("%s of %.7s: %s %q, want %s %q", context, sha, st.State, st.Description, state, description)
	}
}

// neverGreen is for a commit whose run fails: no status of it was ever a success.
func (c *played) neverGreen(sha string) {
	c.T.Helper()
	for i, st := range c.r.Statuses(sha) {
		if st.State == "success" {
			c.T.Errorf("status %d of %.7s was success: %q", i+1, sha, st.Description)
		}
	}
}

func (c *played) noStatus(sha string) {
	c.T.Helper()
	if all := c.r.Statuses(sha); len(all) > 0 {
		c.T.Errorf("%.7s has statuses: %+v", sha, all)
	}
}
