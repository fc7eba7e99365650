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

// Limits on the command of an image.
const (
	maxWords   = 64
	maxEncoded = 4 << 10 // bytes of all words, in JSON as the database stores them
)

// unusableError says why an image cannot be used.
type unusableError string

func (e unusableError) Error() string { return string(e) }

// commandOf returns the command of an image. If the image is for several platforms, the variant for platform counts, or
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
		return ci.Image{}, unusableError(
			fmt.Sprintf("its configuration has %d bytes; at most %d are allowed", manifest.Config.Size, maxBody),
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
		return ci.Image{}, unusableError("its configuration is not valid JSON")
	}
	found := ci.Image{Entrypoint: file.Config.Entrypoint, Cmd: file.Config.Cmd}
	if err := checkWords(slices.Concat(found.Entrypoint, found.Cmd)); err != nil {
		return ci.Image{}, err
	}
	makeAbsolute(found.Entrypoint, file.Config.WorkingDir)
	if len(found.Entrypoint) == 0 {
		makeAbsolute(found.Cmd, file.Config.WorkingDir)
	}
	return found, checkSize(found)
}

// variant returns the image of a descriptor, which may be an index of several images.
func variant(desc *remote.Descriptor, platform v1.Platform) (v1.Image, error) {
	if desc.MediaType.IsImage() {
		return desc.Image()
	}
	if !desc.MediaType.IsIndex() {
		return nil, unusableError("its format is not supported; rebuild it")
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
		return nil, unusableError("it has no variant for Linux")
	}
	return index.Image(best.Digest)
}

// checkWords checks the number and the encoding of words.
func checkWords(words []string) error {
	if len(words) > maxWords {
		return unusableError(fmt.Sprintf("its ENTRYPOINT and CMD have %d words; "+
			"at most %d are allowed", len(words), maxWords))
	}
	for _, w := range words {
		if strings.ContainsRune(w, 0) || !utf8.ValidString(w) {
			return unusableError("its ENTRYPOINT or CMD is not text")
		}
	}
	return nil
}

// checkSize limits what the database stores of an image. In JSON some characters take six bytes.
func checkSize(image ci.Image) error {
	data, err := json.Marshal([][]string{image.Entrypoint, image.Cmd})
	if err != nil {
		return err
	}
	if len(data) > maxEncoded {
		return unusableError(
			fmt.Sprintf("its ENTRYPOINT and CMD take %d bytes in JSON; at most %d are allowed", len(data), maxEncoded),
		)
	}
	return nil
}

// makeAbsolute replaces a program that is named relative to the image's WORKDIR, because a step starts in the
// workspace.
func makeAbsolute(command []string, workingDir string) {
	if len(command) > 0 && strings.Contains(command[0], "/") && !path.IsAbs(command[0]) {
		command[0] = path.Join("/", workingDir, command[0])
	}
}
