package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestExcludedFiles(t *testing.T) {
	const lfs = "*.bin filter=lfs diff=lfs merge=lfs -text\n"
	for want, files := range map[string]map[string]string{
		"": {".gitattributes": "*.go text\n"},
		"Submodules are not included: steps see empty directories.":                                {".gitmodules": "[submodule \"x\"]\n"},
		"Git LFS files are not included: steps see pointers.":                                      {".gitattributes": lfs},
		"Submodules and Git LFS files are not included: steps see empty directories and pointers.": {".gitmodules": "", ".gitattributes": lfs},
	} {
		dir := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := excludedFiles(dir); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
