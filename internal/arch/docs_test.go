package arch_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentedFilesExist checks that the files and directories that the documentation for contributors names exist.
func TestDocumentedFilesExist(t *testing.T) {
	path := regexp.MustCompile("`((?:cmd|deploy|internal|pipeline|testdata|webhook)/[A-Za-z0-9_./*-]+)`")
	identifier := regexp.MustCompile(`\.[A-Z]\w*$`) // of internal/queue.Plan
	for _, page := range []string{"ARCHITECTURE.md", "CONTRIBUTING.md"} {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range path.FindAllStringSubmatch(string(text), -1) {
			name := identifier.ReplaceAllString(found[1], "")
			if strings.Contains(name, "NNNN") { // a pattern for names to come
				continue
			}
			matches, err := filepath.Glob(filepath.Join(root, name))
			if err != nil || len(matches) == 0 {
				t.Errorf("%s names %s, which does not exist", page, name)
			}
		}
	}
}

// TestQuotedMessagesExist checks that the messages which the operator's guide quotes as symptoms are in the code, so
// that operators find them.
func TestQuotedMessagesExist(t *testing.T) {
	guide, err := os.ReadFile(filepath.Join(root, "deploy/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, s := range sources(t) {
		data, err := os.ReadFile(filepath.Join(root, s.path))
		if err != nil {
			t.Fatal(err)
		}
		code.Write(data)
	}
	_, table, _ := strings.Cut(string(guide), "\n## Troubleshooting\n")
	quoted := regexp.MustCompile("[`\"]([a-zA-Z][^`\"]* [^`\"]*)[`\"]")
	found := 0
	for line := range strings.Lines(table) {
		symptom, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		for _, message := range quoted.FindAllStringSubmatch(symptom, -1) {
			found++
			if !strings.Contains(code.String(), strings.TrimSuffix(message[1], " ...")) {
				t.Errorf("deploy/README.md quotes %q, which no code says", message[1])
			}
		}
	}
	if found < 6 {
		t.Errorf("%d quoted messages were found: the pattern sees too little", found)
	}
}
