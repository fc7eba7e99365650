package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// layer is a tar that is written when it is wanted and never held in memory.
type layer struct {
	digest string
	size   int64
	write  func(io.Writer) error
}

// newLayer writes the tar once into nothing, to know its digest and size.
func newLayer(write func(io.Writer) error) (layer, error) {
	sum, size := sha256.New(), counter(0)
	err := write(io.MultiWriter(sum, &size))
	return layer{"sha256:" + hex.EncodeToString(sum.Sum(nil)), int64(size), write}, err
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// fileLayer is a tar on disk. Its digest lies next to it, because to read a large one takes seconds.
func fileLayer(path string) (layer, error) {
	write := func(w io.Writer) error { return copyFile(w, path) }
	info, err := os.Stat(path)
	if err != nil {
		return layer{}, err
	}
	if digest, err := os.ReadFile(path + ".digest"); err == nil {
		return layer{string(digest), info.Size(), write}, nil
	}
	l, err := newLayer(write)
	if err != nil {
		return l, err
	}
	return l, os.WriteFile(path+".digest", []byte(l.digest), 0o644)
}

// entry is a file of a layer: one of this machine, a text, a link, or (with a slash at the end) a directory.
type entry struct {
	name, from, text, link string
	mode                   int64
}

// treeLayer is a layer of single files. Times are zero, so that it is reproducible.
func treeLayer(entries ...entry) (layer, error) {
	return newLayer(func(w io.Writer) error {
		t := tar.NewWriter(w)
		for _, e := range entries {
			if err := e.put(t); err != nil {
				return fmt.Errorf("layer: %s: %w", e.name, err)
			}
		}
		return t.Close()
	})
}

func (e entry) put(t *tar.Writer) error {
	h := &tar.Header{
		Name:     e.name,
		Mode:     e.mode,
		Size:     int64(len(e.text)),
		Linkname: e.link,
		ModTime:  time.Unix(0, 0),
		Typeflag: tar.TypeReg,
	}
	switch {
	case e.link != "":
		h.Typeflag = tar.TypeSymlink
	case strings.HasSuffix(e.name, "/"):
		h.Typeflag = tar.TypeDir
	case e.from != "":
		info, err := os.Stat(e.from)
		if err != nil {
			return err
		}
		h.Size = info.Size()
	}
	if err := t.WriteHeader(h); err != nil {
		return err
	}
	if e.from != "" {
		return copyFile(t, e.from)
	}
	_, err := io.WriteString(t, e.text)
	return err
}

// shellLayer is busybox with a link for each of its commands, and more entries.
func shellLayer(more ...entry) (layer, error) {
	out, err := exec.Command("/usr/bin/busybox", "--list").Output()
	if err != nil {
		return layer{}, fmt.Errorf("busybox --list: %w", err)
	}
	entries := []entry{
		{name: "tmp/", mode: 0o1777},
		{name: "root/", mode: 0o700},
		{name: "bin/busybox", from: "/usr/bin/busybox", mode: 0o755},
		{
			name: "etc/passwd",
			text: "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\ndev:x:1000:1000:dev:/home/dev:/bin/sh\n",
			mode: 0o644,
		},
	}
	entries = append(entries, more...)
	for _, name := range strings.Fields(string(out)) {
		if name != "busybox" {
			entries = append(entries, entry{name: filepath.Join("bin", name), link: "busybox", mode: 0o777})
		}
	}
	return treeLayer(entries...)
}

func copyFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
