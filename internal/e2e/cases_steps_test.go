package e2e

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// stepTrials are about what a step finds around it.
func stepTrials() []trial {
	return []trial{
		{"f06-describe", "depth 0 brings branches and tags, and the tag of a tag's event is there", func(c *played) {
			clone := c.clone()
			must(clone.Push("First", map[string]string{"README": "hello\n"}))(c.T)
			sha := must(clone.Commit("Change", c.files(nil)))(c.T)
			must(clone.Git("tag", "v1.0"))(c.T)
			must(clone.Git("push", "--quiet", "origin", "HEAD", "v1.0"))(c.T)
			c.Until("both runs end", func() bool {
				runs := c.runs()
				return len(runs) == 2 && runs[0].State != "queued" && runs[0].State != "running" && runs[1].State != "queued" &&
					runs[1].State != "running"
			})
			for _, run := range c.runs() {
				if run.State != "success" {
					c.T.Errorf("%s: %s %s", run.Event, run.State, run.Message)
				}
			}
			c.ends(sha, "success", "Passed in ")
			if log := c.log(1); !strings.Contains(log, "v1.0\n") {
				c.T.Errorf("git describe says %q", log)
			}
		}},
		{"f07-python-input", "standard input is empty, not closed", func(c *played) {
			_, sha := c.pushes(nil)
			c.ends(sha, "failure", "exit 1")
			if log := c.log(1); !strings.Contains(log, "EOFError: EOF when reading a line") {
				c.T.Errorf("log %q", log)
			}
		}},
		{"f07-stdin", "standard input is empty, not closed", func(c *played) {
			_, sha := c.pushes(nil)
			c.ends(sha, "failure", "tar -xf - failed") // as with </dev/null
			for step, bad := range map[int]string{1: "error", 2: "error", 3: "ad file descriptor"} {
				if log := c.log(step); strings.Contains(log, bad) {
					c.T.Errorf("step %d: %q", step, log)
				}
			}
			if log := c.log(3); !strings.Contains(log, "short read") {
				c.T.Errorf("tar says %q", log)
			}
		}},
		{"f10-lfs-in-submodule", "a submodule's large files come from the submodule's own store", func(c *played) {
			library := c.Repo(c.id+"-library", false)
			pointer := must(library.AddLFS("a large file\n"))(c.T)
			must(must(library.Clone(c.T.TempDir(), c.Ada))(c.T).Push("First", map[string]string{
				"x.bin": pointer, ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n"}))(c.T)
			clone := c.clone()
			must(clone.Git("-c", "protocol.allow=always", "submodule", "--quiet", "add", library.PublicURL(), "sub"))(c.T)
			sha := must(clone.Push("Change", c.files(nil)))(c.T)
			c.ends(sha, "success", "Passed in ")
			if log := c.log(1); !strings.HasSuffix(log, "a large file\n") {
				c.T.Errorf("the file is %q", log)
			}
		}},
		{"f11-chmod-as-user", "the user of a step can do with the files what their owner can", func(c *played) {
			_, sha := c.pushes(map[string]string{"gradlew": "#!/bin/sh\n"})
			c.ends(sha, "success", "Passed in ")
		}},
		{"f11-dpkg", "files have git's own modes", func(c *played) {
			control := must(os.ReadFile(filepath.Join(c.dir, "pkg/DEBIAN/control")))(c.T)
			_, sha := c.pushes(map[string]string{"pkg/DEBIAN/control": string(control)})
			c.ends(sha, "success", "Passed in ")
		}},
		{"f12-home", "a home that cannot be written is replaced by one that can", func(c *played) {
			_, sha := c.pushes(nil)
			c.ends(sha, "success", "Passed in ")
		}},
		{"f13-allow-failure-missing", "a step that may fail may also miss its program, in both spellings", func(c *played) {
			_, sha := c.pushes(nil)
			c.ends(sha, "success", "Passed in ")
			log := c.log(1)
			if !strings.Contains(log, "golangci-lint") || strings.Contains(log, "write run as a list") {
				c.T.Errorf("the step that fails says %q", log)
			}
			if log := c.log(2); !strings.HasSuffix(log, "next\n") {
				c.T.Errorf("the next step says %q", log)
			}
		}},
		{"f14-own-names", "what the file sets is what a step sees, or the file is refused", func(c *played) {
			_, sha := c.pushes(nil)
			st := c.Final(c.r, sha)
			switch {
			case st.State == "error" && strings.Contains(st.Description, ".yaci.yml:2:"):
			case st.State != "success" || !strings.HasSuffix(c.log(1), "false mine\n"):
				c.T.Errorf("%s %q, and the step says %q", st.State, st.Description, c.log(1))
			}
		}},
		{"f15-follow-never", "following a log ends with the job, also when no step ran", func(c *played) {
			_, sha := c.pushes(nil)
			c.ends(sha, "error", "No node is large enough")
			began := time.Now()
			text, err := c.follow(c.runs()[0].ID, 1)
			took := time.Since(began)
			if err != nil || took > 10*time.Second || strings.Contains(text, "never\n") {
				c.T.Errorf("%q after %v, %v", text, took, err)
			}
		}},
		{"f19-silent", "the log has the script, and says with which exit code it ended", func(c *played) {
			_, sha := c.pushes(nil)
			c.ends(sha, "failure", "(exit 1)")
			want := "::group::Run true\n  true\n  test -d src\n  echo built\n::endgroup::\nyaci-step: exit code 1\n"
			if log := c.log(1); log != want {
				c.T.Errorf("log %q", log)
			}
		}},
		{"f26-arch", "a program of another architecture is called that", func(c *played) {
			_, sha := c.pushes(nil)
			st := c.Final(c.r, sha)
			said := st.Description + c.log(1)
			if !strings.Contains(said, "architecture") || !strings.Contains(said, runtime.GOARCH) {
				c.T.Errorf("%s: %q", st.State, said)
			}
		}},
	}
}

// lintTrials are about files that were misread, or refused with the wrong words.
func lintTrials() []trial {
	return []trial{
		{
			"f08-bang",
			"an explicit tag is refused where it stands",
			func(c *played) { c.refused(".yaci.yml:3:", "tag", "Quote") },
		},
		{
			"f20-colon",
			"a command with a colon was read as a key: quote it or write a block",
			func(c *played) { c.refused(".yaci.yml:3:", "Quote") },
		},
		{
			"f20-list-of-commands",
			"a list of commands is no list of words: write a script of two lines",
			func(c *played) { c.refused(".yaci.yml:", "run: |") },
		},
		{
			"f21-shebang",
			"a script runs in what its first line names, or is refused",
			func(c *played) { c.refused(".yaci.yml:3:", "shell: [") },
		},
		{"f22-brackets", "brackets in a script nest nothing", func(c *played) {
			_, sha := c.pushes(map[string]string{"x": "(\n"})
			c.ends(sha, "success", "Passed in ")
		}},
	}
}

// refused pushes a file that has a problem. The status shows where it is; the run's
// log shows what to write.
func (c *played) refused(where string, words ...string) {
	c.T.Helper()
	_, sha := c.pushes(nil)
	c.ends(sha, "error", where)
	message := c.runs()[0].Message
	for _, word := range words {
		if !strings.Contains(message, word) {
			c.T.Errorf("the run says %q, which lacks %q", message, word)
		}
	}
}
