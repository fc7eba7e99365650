package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	kubernetes "github.com/google/go-containerregistry/pkg/authn/kubernetes"
	corev1 "k8s.io/api/core/v1"
)

// Credentials returns a Keychain that reads a file: Docker's config.json, or .dockerconfigjson of a Secret. It returns
// nil if path is empty. The file is read each time, since a mounted Secret changes. If it does not exist, there are no
// credentials. As for pods, hosts may have wildcards and paths, and helper programs are not run. A path matches whole
// names: team does not match teams.
func Credentials(path string) Keychain {
	if path == "" {
		return nil
	}
	return func() (authn.Keychain, error) {
		data, err := readFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			data, err = []byte(`{}`), nil
		}
		if err != nil {
			return nil, fmt.Errorf("registry credentials: %w", err)
		}
		if data, err = terminatePaths(data); err != nil {
			return nil, errConfig
		}
		keys, err := kubernetes.NewFromPullSecrets(context.Background(), []corev1.Secret{{
			Type: corev1.SecretTypeDockerConfigJson,
			Data: map[string][]byte{corev1.DockerConfigJsonKey: data},
		}})
		if err != nil {
			return nil, errConfig
		}
		return wholePathKeychain{keys}, nil
	}
}

// errConfig does not repeat the errors of the libraries, which could contain a secret.
var errConfig = errors.New("registry credentials: the file is not a Docker config.json")

// terminatePaths adds a slash to the path of each entry, because the library compares paths by prefix.
func terminatePaths(data []byte) ([]byte, error) {
	var file struct {
		Auths map[string]json.RawMessage `json:"auths"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	auths := map[string]json.RawMessage{}
	for _, entry := range slices.Sorted(maps.Keys(file.Auths)) {
		text := entry
		if !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "http://") {
			text = "https://" + text
		}
		u, err := url.Parse(text)
		if err != nil {
			return nil, err
		}
		path := u.Path
		// The library removes the prefix of the registry's API.
		if strings.HasPrefix(path, "/v1/") || strings.HasPrefix(path, "/v2/") {
			path = path[len("/v1"):]
		}
		key := u.Host
		if path = strings.Trim(path, "/"); path != "" {
			key += "/v2/" + path + "/"
		}
		if auths[key] == nil {
			auths[key] = file.Auths[entry]
		}
	}
	file.Auths = auths
	return json.Marshal(file)
}

// wholePathKeychain adds a slash to the names of repositories as well.
type wholePathKeychain struct{ inner authn.Keychain }

// Resolve returns the credentials for a repository.
func (c wholePathKeychain) Resolve(target authn.Resource) (authn.Authenticator, error) {
	return c.inner.Resolve(wholePath{target})
}

type wholePath struct{ authn.Resource }

// String returns the name with a slash.
func (p wholePath) String() string { return p.Resource.String() + "/" }

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxBody))
}
