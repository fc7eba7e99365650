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

// Credentials returns how to read a file as Docker and Kubernetes have them: config.json, or .dockerconfigjson of a
// Secret. It is read each time, since a mounted Secret changes; one that is not there means that there are no
// credentials. As for pods, hosts may have wildcards and paths, and helper programs are never run. A path means whole
// names: team is not teams.
func Credentials(path string) func() (authn.Keychain, error) {
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
		if data, err = closePaths(data); err != nil {
			return nil, errNoConfig
		}
		keys, err := kubernetes.NewFromPullSecrets(context.Background(), []corev1.Secret{{
			Type: corev1.SecretTypeDockerConfigJson,
			Data: map[string][]byte{corev1.DockerConfigJsonKey: data},
		}})
		if err != nil {
			return nil, errNoConfig
		}
		return closedPaths{keys}, nil
	}
}

// errNoConfig leaves out the words of the libraries, which could hold a secret.
var errNoConfig = errors.New("registry credentials: the file is not a config.json of Docker")

// closePaths ends the path of each entry with a slash. The library compares paths by prefix, without regard to names.
func closePaths(data []byte) ([]byte, error) {
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
		// of the registry's API; the library cuts it off
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

// closedPaths ends the names of repositories with a slash as well.
type closedPaths struct{ inner authn.Keychain }

// Resolve returns the credentials for a repository.
func (c closedPaths) Resolve(target authn.Resource) (authn.Authenticator, error) {
	return c.inner.Resolve(closedPath{target})
}

type closedPath struct{ authn.Resource }

func (c closedPath) String() string { return c.Resource.String() + "/" }

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxBody))
}
