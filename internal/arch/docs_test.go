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
