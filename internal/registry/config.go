package registry

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/yaci-ci/yaci/internal/ci"
)

// Limits on what an image may be made to run.
const (
	maxWords   = 64
	maxEncoded = 4 << 10 // bytes of all together as the database stores them, in JSON
)

// errNoImage is what a registry sent that cannot be used.
type errNoImage string

func (e errNoImage) Error() string { return string(e) }

// commandOf reads what an image is made to run. Of an image for several platforms the variant of platform counts, or
// the first one for Linux if there is none.
func commandOf(desc *remote.Descriptor, platform v1.Platform) (ci.Image, error) {
	image, err := variant(desc, platform)
	if err != nil {
		return ci.Image{}, err
	}
	manifest, err := image.Manifest()
	if err != nil {
		return ci.Image{}, err
	}
	if manifest.Config.Size > maxBody {
		return ci.Image{}, errNoImage(
			fmt.Sprintf("its configuration has %d bytes; at most %d are read", manifest.Config.Size, maxBody),
		)
	}
	data, err := image.RawConfigFile()
	if err != nil {
		return ci.Image{}, err
	}
	var file struct {
		Config struct {
			Entrypoint []string
			Cmd        []string
			WorkingDir string
		} `json:"config"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return ci.Image{}, errNoImage("its configuration is no JSON")
	}
	found := ci.Image{Entrypoint: file.Config.Entrypoint, Cmd: file.Config.Cmd}
	if err := checkWords(slices.Concat(found.Entrypoint, found.Cmd)); err != nil {
		return ci.Image{}, err
	}
	inImage(found.Entrypoint, file.Config.WorkingDir)
	if len(found.Entrypoint) == 0 {
		inImage(found.Cmd, file.Config.WorkingDir)
	}
	return found, checkSize(found)
}

// variant returns the image of an image, or of an index of several.
func variant(desc *remote.Descriptor, platform v1.Platform) (v1.Image, error) {
	if desc.MediaType.IsImage() {
		return desc.Image()
	}
	if !desc.MediaType.IsIndex() {
		return nil, errNoImage("its format is not supported; build it anew")
	}
	index, err := desc.ImageIndex()
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	var best *v1.Descriptor
	for i := range manifest.Manifests {
		d := &manifest.Manifests[i]
		if !d.MediaType.IsImage() || d.Platform != nil && d.Platform.OS != "linux" {
			continue
		}
		if best == nil {
			best = d
		}
		if d.Platform != nil && d.Platform.Architecture == platform.Architecture {
			best = d
			break
		}
	}
	if best == nil {
		return nil, errNoImage("it has no variant for Linux")
	}
	return index.Image(best.Digest)
}

// checkWords checks what an image is made to run.
func checkWords(words []string) error {
	if len(words) > maxWords {
		return errNoImage(fmt.Sprintf("its ENTRYPOINT and CMD have %d words; at most %d are allowed", len(words), maxWords))
	}
	for _, w := range words {
		if strings.ContainsRune(w, 0) || !utf8.ValidString(w) {
			return errNoImage("its ENTRYPOINT or CMD is no text")
		}
	}
	return nil
}

// checkSize bounds what the database stores of an image: in JSON some characters take six bytes.
func checkSize(image ci.Image) error {
	data, err := json.Marshal([][]string{image.Entrypoint, image.Cmd})
	if err != nil {
		return err
	}
	if len(data) > maxEncoded {
		return errNoImage(
			fmt.Sprintf("its ENTRYPOINT and CMD take %d bytes in JSON; at most %d are allowed", len(data), maxEncoded),
		)
	}
	return nil
}

// inImage makes a program that is named relative to the image's WORKDIR absolute: a step starts in the workspace.
func inImage(command []string, workingDir string) {
	if len(command) > 0 && strings.Contains(command[0], "/") && !path.IsAbs(command[0]) {
		command[0] = path.Join("/", workingDir, command[0])
	}
}
