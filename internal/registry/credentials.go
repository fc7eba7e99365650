package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/google/go-containerregistry/pkg/authn"
	kubernetes "github.com/google/go-containerregistry/pkg/authn/kubernetes"
	corev1 "k8s.io/api/core/v1"
)

// Credentials returns how to read a file as Docker and Kubernetes have them: config.json, or .dockerconfigjson of a
// Secret. It is read each time, since a mounted Secret changes; one that is not there means that there are no credentials.
// As for pods, hosts may have wildcards and paths, and helper programs are never run.
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
		keys, err := kubernetes.NewFromPullSecrets(context.Background(), []corev1.Secret{{
			Type: corev1.SecretTypeDockerConfigJson,
			Data: map[string][]byte{corev1.DockerConfigJsonKey: data},
		}})
		if err != nil {
			return nil, errors.New("registry credentials: the file is not a config.json of Docker") // the words could hold a secret
		}
		return keys, nil
	}
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxBody))
}
