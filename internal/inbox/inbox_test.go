package inbox

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/yaci-ci/yaci/internal/decide"
	"github.com/yaci-ci/yaci/webhook"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// TestDecisions: every payload has a decision that can be read in one file.
func TestDecisions(t *testing.T) {
	files, err := filepath.Glob("../../testdata/webhooks/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no payloads: %v", err)
	}
	var b strings.Builder
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		ev, err := webhook.Decode(name, body)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		line := ev.Ignored
		if line == "" {
			line = decide.Event(event(ev), decide.ForksApproval).Why
		}
		fmt.Fprintf(&b, "%-44s %s\n", filepath.Base(file), line)
	}
	golden := "../../testdata/webhooks/decisions.golden.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("decisions (-want +got):\n%s\nif this is meant: go test ./internal/inbox -update", diff)
	}
}

// TestS16LongTitle: the first line of a commit's message can be megabytes long, and each run of the commit keeps it.
func TestS16LongTitle(t *testing.T) {
	body, err := os.ReadFile("../../testdata/webhooks/push.derived-branch.json")
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("ü", 1<<20)
	body = bytes.ReplaceAll(body, []byte("Adding a .gitignore file"), []byte("x"+long+" [skip ci]"))
	decoded, err := webhook.Decode("push", body)
	if err != nil {
		t.Fatal(err)
	}
	const kept = 1 << 10
	ev := event(decoded)
	if len(ev.Title) > kept || len(ev.Title) < kept-1 || !strings.HasPrefix(long, ev.Title[1:]) {
		t.Errorf("title of %d bytes", len(ev.Title))
	}
	if !ev.SkipCI {
		t.Error("the message has lost its end")
	}
}
