package e2e

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/yaci-ci/yaci/internal/citest"
	"github.com/yaci-ci/yaci/internal/citest/citesttest"
)

// eventTrials are about what starts a run, and what a status says when nothing ran.
func eventTrials() []trial {
	return []trial{
		{"f01-pr-only-file", "an event that the file does not name leaves no status", func(c *played) {
			clone, main := c.pushes(nil)
			before := c.topic(clone, "one")
			c.handled()
			c.noStatus(before)
			c.opens("main")
			c.ends(before, "failure", "exit 1")
			after := c.topic(clone, "two")
			c.ends(after, "failure", "exit 1")
			c.neverGreen(before)
			c.neverGreen(after)
			c.noStatus(main)
		}},
		{"f01-pr-push-green-first", "no success on a commit that another event of it will still test", func(c *played) {
			clone, _ := c.pushes(nil)
			c.topic(clone, "one")
			c.opens("main")
			sha := c.topic(clone, "two")
			c.ends(sha, "failure", "exit 1")
			c.handled()
			c.neverGreen(sha)
			if all := c.r.Statuses(sha); all[0].State != "pending" {
				c.T.Errorf("the first status was %+v", all[0])
			}
		}},
		{
			"f02-retarget-stacked",
			"a pull request that gets another base is judged by that one, pending at once",
			func(c *played) {
				c.pushes(nil)
				must(c.r.Commit("parent", "Parent", map[string]string{"parent": "x\n"}, c.Ada))(c.T)
				clone := c.clone()
				must(clone.Git("switch", "--quiet", "-c", "topic", "origin/parent"))(c.T)
				sha := must(clone.Push("Child", map[string]string{"child": "x\n"}))(c.T)
				p := c.opens("parent")
				c.handled()
				c.neverGreen(sha)
				if err := p.Retarget("main", c.Ada); err != nil {
					c.T.Fatal(err)
				}
				c.ends(sha, "failure", "exit 1")
				c.neverGreen(sha)
			},
		},
		{"f03-labeled", "a label starts the run that waits for one; before, nothing is green", func(c *played) {
			c.startsWith("labeled")
		}},
		{"f03-ready", "a draft that becomes ready runs", func(c *played) {
			c.startsWith("ready_for_review")
		}},
		{"f04-forced-push-back", "what a forced push changes is what lies between the two trees", func(c *played) {
			clone, _ := c.pushes(nil)
			middle := must(clone.Commit("Middle", map[string]string{"src/a": "1\n"}))(c.T)
			must(clone.Push("Tip", map[string]string{"src/a": "2\n"}))(c.T)
			c.handled()
			must(clone.Git("reset", "--quiet", "--hard", middle))(c.T)
			must(clone.Git("push", "--quiet", "--force", "origin", "HEAD"))(c.T)
			c.ends(middle, "success", "Passed in ")
			for _, st := range c.r.Statuses(middle) {
				if strings.HasPrefix(st.Description, "Skipped") {
					c.T.Errorf("it had the status %q", st.Description)
				}
			}
		}},
		{"f05-jobs-skipped", "every context that the file can have is reported, also when nothing runs", func(c *played) {
			clone, source := c.pushes(map[string]string{"src/a": "1\n"})
			docs := must(clone.Push("Docs", map[string]string{"README": "more\n"}))(c.T)
			for _, sha := range []string{source, docs} {
				for _, context := range []string{"yaci", "yaci/lint", "yaci/test", "yaci/release"} {
					c.endsIn(context, sha, "success", "")
				}
			}
		}},
		{"f16-skip-ci-body", "the words that GitHub knows skip a run, wherever the message has them", func(c *played) {
			clone, _ := c.pushes(nil)
			for _, message := range []string{"docs: typo\n\n[skip ci]", "docs: typo [no ci]", "Change\n\nText.\n\nskip-checks: true"} {
				sha := must(clone.Push(message, map[string]string{"README": message}))(c.T)
				c.handled()
				c.noStatus(sha)
			}
			must(clone.Git("switch", "--quiet", "-c", "topic"))(c.T)
			topic := must(clone.Push("[skip ci] docs", map[string]string{"README": "topic\n"}))(c.T)
			c.opens("main")
			c.handled()
			c.noStatus(topic)
			if runs := c.runs(); len(runs) != 1 {
				c.T.Errorf("runs %+v, want that of the first commit only", runs)
			}
		}},
		{"f25-closed-pr", "closing a pull request ends the run that waits and the one that runs", func(c *played) {
			clone, _ := c.pushes(nil)
			running := c.topic(clone, "one")
			p := c.opens("main")
			c.Until("the step runs", func() bool { return len(c.runs()) == 1 && c.runs()[0].State == "running" })
			eve := c.GitHub.CreateUser("eve-" + c.id)
			fork := must(must(c.GitHub.Fork(c.r, eve))(c.T).Clone(c.T.TempDir(), eve))(c.T)
			waiting := must(fork.Push("Change", map[string]string{"new": "x\n"}))(c.T)
			held := must(c.r.OpenPull(eve.Login+":main", "main", "Change", eve))(c.T)
			must(c.r.WaitStatus(citesttest.Context(c.T, time.Minute), waiting, "yaci", nil))(c.T)
			began := time.Now()
			p.Close(c.Ada)
			held.Close(eve)
			c.ends(running, "error", "losed")
			c.ends(waiting, "error", "losed")
			if took := time.Since(began); took > 30*time.Second {
				c.T.Errorf("the runs ended %v after the pull requests were closed", took)
			}
		}},
	}
}

// topic pushes a commit to the branch topic.
func (c *played) topic(clone *citest.Clone, text string) string {
	c.T.Helper()
	if _, err := clone.Git("switch", "--quiet", "topic"); err != nil {
		must(clone.Git("switch", "--quiet", "-c", "topic"))(c.T)
	}
	return must(clone.Push(text, map[string]string{"topic": text + "\n"}))(c.T)
}

func (c *played) opens(base string) *citest.Pull {
	c.T.Helper()
	return must(c.r.OpenPull("topic", base, "Change", c.Ada))(c.T)
}

// startsWith opens a pull request that only a later action starts the run of.
func (c *played) startsWith(action string) {
	c.T.Helper()
	clone, _ := c.pushes(nil)
	sha := c.topic(clone, "one")
	c.opens("main")
	c.handled()
	c.neverGreen(sha)
	c.actsAgain(action)
	c.ends(sha, "failure", "exit 1")
	c.neverGreen(sha)
}

// actsAgain sends the newest event of a pull request of this repository with another action.
func (c *played) actsAgain(action string) {
	c.T.Helper()
	payload := map[string]any{}
	for _, d := range c.GitHub.Deliveries() {
		if d.Event == "pull_request" && d.RepositoryID == c.r.ID {
			if err := json.Unmarshal(d.Payload, &payload); err != nil {
				c.T.Fatal(err)
			}
		}
	}
	pull, ok := payload["pull_request"].(map[string]any)
	if !ok {
		c.T.Fatal("no event of a pull request was sent")
	}
	label := map[string]any{
		"id":          1,
		"name":        "ready",
		"color":       "ffffff",
		"default":     false,
		"description": nil,
		"node_id":     "L1",
		"url":         "x",
	}
	payload["action"], pull["draft"] = action, false
	pull["updated_at"] = time.Now().Add(time.Second).UTC().Format(time.RFC3339)
	if action == "labeled" {
		payload["label"], pull["labels"] = label, []any{label}
	}
	data := must(json.Marshal(payload))(c.T)
	if d := c.GitHub.Send("pull_request", data); !d.OK() {
		c.T.Fatalf("the event was answered with %d %s", d.StatusCode, d.Response)
	}
}
