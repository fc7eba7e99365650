package main

import (
	"bytes"
	"os"
	"path/filepath"
)

// leftBehind says, in a sentence or not at all, what of the working tree in dir
// does not come along: git keeps submodules and files of LFS elsewhere.
func leftBehind(dir string) string {
	_, err := os.Stat(filepath.Join(dir, ".gitmodules"))
	attributes, _ := os.ReadFile(filepath.Join(dir, ".gitattributes")) // none: no LFS
	modules, lfs := err == nil, bytes.Contains(attributes, []byte("filter=lfs"))
	switch {
	case modules && lfs:
		return "Submodules and files of Git LFS are left out: the steps see empty directories, and pointers."
	case modules:
		return "Submodules are left out: the steps see empty directories."
	case lfs:
		return "Files of Git LFS are left out: the steps see pointers."
	}
	return ""
}
