package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// manySteps is a file of so many short steps, one of which is another.
func manySteps(count, at int, other string) string {
	var b strings.Builder
	b.WriteString("image: IMAGE\nsteps:\n")
	for i := range count {
		if i == at {
			b.WriteString("  - " + other + "\n")
			continue
		}
		fmt.Fprintf(&b, "  - {name: s%d, run: 'true'}\n", i)
	}
	return b.String()
}

// TestRunner: what the runner promises to steps, on a real cluster.
func TestRunner(t *testing.T) {
	t.Parallel()
	const forge = `
steps:
  - name: build
    run: |
      record='{"exit":0,"started":1,"finished":2,"bytes":0,"lines":0}'
      if echo "$record" >/yaci/sync/1/record; then exit 90; fi
      if touch /yaci/sync/x || rm -f /yaci/sync/1 || mkdir /yaci/sync/9; then exit 91; fi
      if mv /yaci/sync/0 /yaci/sync/1; then exit 92; fi
      echo "$record" >/yaci/own/fact
  - {name: test, run: exit 7}
  - {name: deploy, run: touch deployed}
  - {name: look, when: {status: always}, run: test ! -e deployed}
`
	newWorld(t).end([]ending{
		{"c3-stdin", "image: IMAGE\nsteps: [cat, sort, 'tar -xf - || test $? = 1', {run: [cat]}]\n", "success", `Passed in .*`, time.Minute},
		{"s13-forged-record", "image: IMAGE" + forge, "failure", `test failed in .* \(exit 7\)`, time.Minute},
		{"c10-allowed", "image: IMAGE\nsteps:\n  - {name: lint, run: [golangci-lint, run], allow_failure: true}\n  - echo next\n", "success", `Passed in .*; lint failed, which is allowed`, time.Minute},
		{"c10-list", "image: IMAGE\nsteps: [{name: lint, run: [golangci-lint, run]}]\n", "failure", `lint failed in .*: golangci-lint: command not found in the image; .* \(exit 127\)`, time.Minute},
		{"c10-script", "image: IMAGE\nsteps: [{name: lint, run: golangci-lint run}]\n", "failure", `lint failed in .* \(exit 127: command not found\)`, time.Minute},
		{"c20-other-user", "image: IMAGE\nsteps: [{name: db, timeout: 2s, run: [setpriv, --reuid, '1000', sleep, '50']}]\n", "failure", `db failed in [23]\.\ds: timed out after 2s`, time.Minute},
		{"c20-killed-by-root", "image: IMAGE\nsteps: ['setpriv --reuid 1000 sleep 50 & sleep 1; kill $!; wait $! || test $? = 143']\n", "success", `Passed in .*`, time.Minute},
		{"c20-port", "image: IMAGE\nsteps: ['timeout 1 nc -l -p 80 || test $? = 143']\n", "success", `Passed in .*`, time.Minute},
		{"s17-40-steps", manySteps(40, 20, "{name: slow, timeout: 1s, run: sleep 60}"), "failure", `slow failed in .*: timed out after 1s`, 3 * time.Minute},
		{"s17-100-steps", manySteps(100, 50, "{name: middle, run: exit 3}"), "failure", `middle failed in .* \(exit 3\)`, 4 * time.Minute},
	})
}
