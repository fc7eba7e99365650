package main

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"strings"
	"testing"
)

func tree(t *testing.T) layer {
	t.Helper()
	l, err := treeLayer(
		entry{name: "tmp/", mode: 0o1777},
		entry{name: "a", from: "doc.go", mode: 0o644},
		entry{name: "b", link: "a"},
		entry{name: "c", text: "see", mode: 0o600},
	)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// names lists a tar: type and name of each entry.
func names(t *testing.T, write func(io.Writer) error) (all string) {
	t.Helper()
	var out bytes.Buffer
	if err := write(&out); err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if err == io.EOF {
			return strings.TrimSpace(all)
		}
		if err != nil {
			t.Fatal(err)
		}
		all += string(h.Typeflag) + h.Name + " "
	}
}

func TestLayerIsReproducible(t *testing.T) {
	one, two := tree(t), tree(t)
	if one.digest != two.digest || one.size != two.size {
		t.Errorf("the same files made two layers: %s %s", one.digest, two.digest)
	}
	if got, want := names(t, one.write), "5tmp/ 0a 2b 0c"; got != want {
		t.Errorf("layer holds %s, want %s", got, want)
	}
}

func TestLayerOfAFileThatIsNotThere(t *testing.T) {
	if _, err := treeLayer(entry{name: "a", from: "no-such-file"}); err == nil ||
		!strings.Contains(err.Error(), "no-such-file") {
		t.Errorf("error %v does not name the file", err)
	}
}

func TestFileLayerKeepsItsDigest(t *testing.T) {
	path := t.TempDir() + "/x.tar"
	if err := os.WriteFile(path, []byte("layer"), 0o600); err != nil {
		t.Fatal(err)
	}
	one, err := fileLayer(path)
	if err != nil {
		t.Fatal(err)
	}
	two, err := fileLayer(path)
	if err != nil || one.digest != two.digest || one.size != 5 || two.size != 5 {
		t.Errorf("%s %d, then %s %d: %v", one.digest, one.size, two.digest, two.size, err)
	}
}

func TestArchiveLeavesOutWhatIsKnown(t *testing.T) {
	l := tree(t)
	a, again := newArchive("x:1", config{Env: []string{"A=1"}}, l), newArchive("x:1", config{Env: []string{"A=1"}}, l)
	if a.digest != again.digest {
		t.Errorf("one image, two digests: %s %s", a.digest, again.digest)
	}
	if other := newArchive("x:1", config{Env: []string{"A=2"}}, l); a.digest == other.digest {
		t.Error("two images, one digest")
	}
	blob := "blobs/" + strings.Replace(l.digest, ":", "/", 1)
	for known, want := range map[bool]bool{false: true, true: false} {
		got := names(t, func(w io.Writer) error { return a.write(w, func(d string) bool { return known && d == l.digest }) })
		if strings.Contains(got, blob) != want {
			t.Errorf("known %v: %s", known, got)
		}
		if !strings.Contains(got, "0oci-layout 0index.json") ||
			!strings.Contains(got, strings.Replace(a.digest, ":", "/", 1)) {
			t.Errorf("known %v: no index or manifest in %s", known, got)
		}
	}
}
