package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
)

// config is the part of an image's configuration that is used here.
type config struct {
	User       string   `json:",omitempty"`
	Entrypoint []string `json:",omitempty"`
	Cmd        []string `json:",omitempty"`
	Env        []string `json:",omitempty"`
}

// descriptor is how OCI refers to a blob.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// archive is an OCI image, ready to be imported.
type archive struct {
	digest string // of the manifest, which containerd knows the image by
	index  []byte
	blobs  []layer
}

const oci = "application/vnd.oci.image."

func newArchive(name string, c config, layers ...layer) archive {
	diffs, refs := []string{}, []descriptor{}
	for _, l := range layers {
		diffs = append(diffs, l.digest)
		refs = append(refs, descriptor{MediaType: oci + "layer.v1.tar", Digest: l.digest, Size: l.size})
	}
	a := archive{blobs: layers}
	image := a.add(
		"config.v1+json",
		map[string]any{
			"architecture": runtime.GOARCH,
			"os":           "linux",
			"config":       c,
			"rootfs":       map[string]any{"type": "layers", "diff_ids": diffs},
		},
	)
	manifest := a.add(
		"manifest.v1+json",
		map[string]any{"schemaVersion": 2, "mediaType": oci + "manifest.v1+json", "config": image, "layers": refs},
	)
	a.digest = manifest.Digest
	manifest.Annotations = map[string]string{"io.containerd.image.name": name}
	a.index = marshal(map[string]any{"schemaVersion": 2, "manifests": []descriptor{manifest}})
	return a
}

func (a *archive) add(kind string, v any) descriptor {
	data := marshal(v)
	sum := sha256.Sum256(data)
	l := layer{
		"sha256:" + hex.EncodeToString(sum[:]),
		int64(len(data)),
		func(w io.Writer) error { _, err := w.Write(data); return err },
	}
	a.blobs = append(a.blobs, l)
	return descriptor{MediaType: oci + kind, Digest: l.digest, Size: l.size}
}

// marshal is for values made of texts and numbers, which JSON can always hold.
func marshal(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return data
}

// write leaves out the blobs that the receiver has.
func (a archive) write(out io.Writer, known func(digest string) bool) error {
	w := tar.NewWriter(out)
	err := errors.Join(
		entry{name: "oci-layout", text: `{"imageLayoutVersion":"1.0.0"}`, mode: 0o644}.put(w),
		entry{name: "index.json", text: string(a.index), mode: 0o644}.put(w),
	)
	for _, b := range a.blobs {
		if err != nil || known(b.digest) {
			continue
		}
		name := "blobs/" + strings.Replace(b.digest, ":", "/", 1)
		if err = w.WriteHeader(&tar.Header{Name: name, Size: b.size, Mode: 0o644}); err == nil {
			err = b.write(w)
		}
	}
	return errors.Join(err, w.Close())
}

// load imports an image, unless containerd has it as it is.
func (n instance) load(name string, c config, layers ...layer) error {
	a := newArchive(name, c, layers...)
	have, err := n.ctr("images", "list", "name=="+name).Output()
	if err == nil && strings.Contains(string(have), a.digest) {
		return nil
	}
	blobs, err := n.ctr("content", "list", "--quiet").Output()
	if err != nil {
		return fmt.Errorf("ctr content list: %w", err)
	}
	cmd := n.ctr("images", "import", "-")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() {
		err := a.write(in, func(digest string) bool { return strings.Contains(string(blobs), digest) })
		sent <- errors.Join(err, in.Close())
	}()
	err = run(cmd)
	return errors.Join(err, <-sent)
}

func (n instance) ctr(args ...string) *exec.Cmd {
	return exec.Command("ctr", append([]string{"--address", n.socket(), "--namespace", "k8s.io"}, args...)...)
}
