package webhook_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/yaci-ci/yaci/webhook"
)

func decodeFile(t *testing.T, name, file string) webhook.Event {
	t.Helper()
	body, err := os.ReadFile("../testdata/webhooks/" + file)
	if err != nil {
		t.Fatal(err)
	}
	ev, err := webhook.Decode(name, body)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func TestDecode(t *testing.T) {
	const commit, zero = "6113728f27ae82c7b1a177c8d03f9e96e0adf246", "0000000000000000000000000000000000000000"
	push := webhook.Event{

		Name:           "push",
		RepoID:         186853002,
		Owner:          "Codertocat",
		Repo:           "Hello-World",
		DefaultBranch:  "master",
		InstallationID: 1,
		SenderID:       21031067,
		SenderLogin:    "Codertocat",
		SHA:            commit,
		Ref:            "refs/heads/main",
		Title:          "Adding a .gitignore file",
		Message:        "Adding a .gitignore file",
		Before:         "4b3a1f2e0d9c8b7a6f5e4d3c2b1a09f8e7d6c5b4",
		At:             time.Date(2019, 5, 15, 15, 20, 57, 0, time.UTC),
	}
	created := push
	forced := push
	skip := push
	deleted := push
	tag := push
	created.Ref, created.Before = "refs/heads/feature/login", zero
	skip.Title, skip.Message = "Fix a typo [skip ci]", "Fix a typo [skip ci]\n\nNothing else."
	deleted.Ref = "refs/heads/feature/login"
	deleted.Deleted = true
	deleted.SHA = zero
	deleted.Title = ""
	deleted.Message = ""
	deleted.Before = commit
	tag.Object = "d670460b4b4aece5915caf5c68d12f560a9fe3e4"
	tag.Ref, tag.Before = "refs/tags/v1.2.0", zero // "after" is the tag object; the commit is head_commit's

	pull := webhook.Event{

		Name:           "pull_request",
		Action:         "opened",
		RepoID:         186853002,
		Owner:          "Codertocat",
		Repo:           "Hello-World",
		DefaultBranch:  "master",
		InstallationID: 1,
		SenderID:       21031067,
		SenderLogin:    "Codertocat",
		SHA:            "ec26c3e57ca3a959ca5aad62de7213c562f8c821",
		Ref:            "refs/pull/2/head",
		Title:          "Update the README with new information.",
		Number:         2,
		HeadRef:        "changes",
		HeadRepoID:     186853002,
		BaseRef:        "master",
		BaseSHA:        "f95f852bd8fca8fcc58a9a2d6c842781e32a215e",
		AuthorID:       21031067,
		AuthorLogin:    "Codertocat",
		At:             time.Date(2019, 5, 15, 15, 20, 33, 0, time.UTC),
	}
	fork, gone := pull, pull
	fork.HeadRepoID = 99853002
	fork.SenderID = 77031067
	fork.SenderLogin = "octostranger"
	fork.AuthorID, fork.AuthorLogin = 77031067, "octostranger"
	gone.Action = "reopened"
	gone.HeadRepoID = 0
	gone.SenderID = 77031067
	gone.SenderLogin = "octostranger"
	gone.AuthorID, gone.AuthorLogin = 77031067, "octostranger"
	retargeted := fork
	retargeted.Action = "edited"
	retargeted.Retargeted = true
	retargeted.BaseRef = "release"
	comment := webhook.Event{

		Name:           "issue_comment",
		Action:         "created",
		RepoID:         186853002,
		Owner:          "Codertocat",
		Repo:           "Hello-World",
		DefaultBranch:  "master",
		InstallationID: 1,
		SenderID:       21031067,
		SenderLogin:    "Codertocat",
		AuthorID:       21031067,
		AuthorLogin:    "Codertocat",
		Number:         2,
		CommentID:      492700400,
		Body:           "Looks good.\r\n\r\n/ok-to-test ec26c3e57ca3",
		At:             time.Date(2019, 5, 15, 15, 20, 21, 0, time.UTC),
	}
	edited := comment
	edited.Action, edited.Ignored = "edited", "Ignored: the comment was edited. Only new comments count."

	for file, want := range map[string]webhook.Event{
		"push.derived-branch.json":                       push,
		"push.derived-branch_created.json":               created,
		"push.derived-branch_forced.json":                forced,
		"push.derived-branch_skip_ci.json":               skip,
		"push.derived-branch_deleted.json":               deleted,
		"push.derived-tag_annotated.json":                tag,
		"pull_request.opened.12.json":                    pull,
		"pull_request.derived-draft_opened.json":         pull,
		"pull_request.derived-fork_opened.json":          fork,
		"pull_request.derived-fork_gone.json":            gone,
		"pull_request.derived-fork_retargeted.json":      retargeted,
		"issue_comment.derived-pull_request.json":        comment,
		"issue_comment.derived-pull_request_edited.json": edited,
	} {
		t.Run(file, func(t *testing.T) {
			if diff := cmp.Diff(want, decodeFile(t, want.Name, file)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What reaches the rest of YACI can be no path and no option.
func TestMalformed(t *testing.T) {
	sha := strings.Repeat("a", 40)
	push := func(id, name, after string) string {
		return `{"ref":"refs/heads/x","after":"` + after + `","repository":{"id":` + id + `,"full_name":"` + name + `"}}`
	}
	pull := func(fields string) string {
		return `{` + fields + `"pull_request":{"head":{"sha":"` + sha + `"}},"repository":{"id":1,"full_name":"a/b"}}`
	}
	for name, c := range map[string]struct{ event, body string }{
		"not JSON":           {"push", "payload=%7B%7D"},
		"empty":              {"push", ""},
		"a list":             {"push", "[]"},
		"null":               {"push", "null"},
		"nothing":            {"push", "{}"},
		"repository id 0":    {"push", push("0", "a/b", sha)},
		"owner is a path":    {"push", push("1", "../b", sha)},
		"no slash":           {"push", push("1", "ab", sha)},
		"two slashes":        {"push", push("1", "a/b/c", sha)},
		"name is an option":  {"push", push("1", "a/-b", sha)},
		"name is dots":       {"push", push("1", "a/..", sha)},
		"short commit":       {"push", push("1", "a/b", "abc123")},
		"upper-case commit":  {"push", push("1", "a/b", strings.Repeat("A", 40))},
		"commit is a ref":    {"push", push("1", "a/b", "refs/heads/main")},
		"wrong type":         {"push", `{"ref":7}`},
		"no action":          {"pull_request", pull(`"number":1,`)},
		"no number":          {"pull_request", pull(`"action":"opened",`)},
		"no pull request":    {"pull_request", `{"action":"opened","number":1,"repository":{"id":1,"full_name":"a/b"}}`},
		"unknown, not JSON":  {"star", "x"},
		"comment of nothing": {"issue_comment", `{"action":"created","repository":{"id":1,"full_name":"a/b"}}`},
		"comment, no time":   {"issue_comment", `{"action":"created","issue":{"number":1,"pull_request":{}},"comment":{"id":1},"repository":{"id":1,"full_name":"a/b"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			if ev, err := webhook.Decode(c.event, []byte(c.body)); !errors.Is(err, webhook.ErrMalformed) {
				t.Errorf("err %v, event %+v; want ErrMalformed", err, ev)
			}
		})
	}
	if _, err := webhook.Decode("push", []byte(push("1", "a/b", sha))); err != nil {
		t.Errorf("the well-formed one: %v", err)
	}
	if _, err := webhook.Decode("pull_request", []byte(pull(`"action":"opened","number":1,`))); err != nil {
		t.Errorf("the well-formed one: %v", err)
	}
}

// An event that YACI does not know is no error: GitHub adds new ones.
func TestUnknownEventIsIgnored(t *testing.T) {
	ev, err := webhook.Decode("sponsorship", []byte(`{"action":"created"}`))
	if err != nil || ev.Ignored != "Ignored: YACI does nothing for sponsorship events." {
		t.Errorf("%+v, %v", ev, err)
	}
}

// TestS7CustomProperties: an organization can give its repositories properties with lists as their values, and their
// events are not lost for it.
func TestS7CustomProperties(t *testing.T) {
	properties := []byte(`"custom_properties": {"languages": ["go", "c"], "none": null, "team": "a"}, "full_name":`)
	for file, name := range map[string]string{
		"push.derived-branch.json":                "push",
		"merge_group.checks_requested.0.json":     "merge_group",
		"issue_comment.derived-pull_request.json": "issue_comment",
		"pull_request.labeled.9.json":             "pull_request",
	} {
		body, err := os.ReadFile("../testdata/webhooks/" + file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := webhook.Decode(name, body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := webhook.Decode(name, bytes.ReplaceAll(body, []byte(`"full_name":`), properties))
		diff := cmp.Diff(want, got)
		if err != nil || diff != "" {
			t.Errorf("%s: %v %s", file, err, diff)
		}
	}
}
