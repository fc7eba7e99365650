package kube

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/yaci-ci/yaci/internal/ci"
)

// A secret that steps can use is stored as two objects of the same name: a Secret with the value, which only the
// kubelet reads, and a ConfigMap whose annotations grant it to repositories. So the server, which reads the grants,
// needs no permission to read Secrets.
const (
	GrantLabel             = "yaci.dev/grant"
	SecretNameAnnotation   = "yaci.dev/secret"
	RepositoriesAnnotation = "yaci.dev/repositories"
	EventsAnnotation       = "yaci.dev/events"
	BranchesAnnotation     = "yaci.dev/branches"

	// SecretKey is the key of the value in the Secret.
	SecretKey = "value"
)

// Grants returns all grants, sorted by id. It reads no Secret.
func (c *Cluster) Grants(ctx context.Context) ([]ci.Grant, error) {
	list, err := c.Client.CoreV1().ConfigMaps(c.Namespace).List(ctx, metav1.ListOptions{LabelSelector: GrantLabel})
	if err != nil {
		return nil, fmt.Errorf("list grants: %w", err)
	}
	var grants []ci.Grant
	for _, m := range list.Items {
		grants = append(grants, parseGrant(m))
	}
	slices.SortFunc(grants, func(a, b ci.Grant) int { return strings.Compare(a.ID, b.ID) })
	return grants, nil
}

// parseGrant reads annotations, which people may have written. What cannot be read grants nothing.
func parseGrant(m corev1.ConfigMap) ci.Grant {
	list := func(annotation string) []string {
		isSeparator := func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }
		return strings.FieldsFunc(m.Annotations[annotation], isSeparator)
	}
	return ci.Grant{
		ID:           m.Name,
		UID:          string(m.UID),
		Name:         m.Annotations[SecretNameAnnotation],
		Repositories: list(RepositoriesAnnotation),
		Events:       list(EventsAnnotation),
		Branches:     list(BranchesAnnotation),
	}
}

// SecretID returns the name of a secret's objects, given the repositories that it is first granted to. Entries of
// repositories are owner/name, optionally followed by # and the repository's id, which makes no difference.
func SecretID(name string, repositories []string) string {
	readable := strings.Trim(strings.ReplaceAll(strings.ToLower(name), "_", "-"), "-")
	var names []string
	for _, r := range repositories {
		r, _, _ = strings.Cut(r, "#")
		names = append(names, strings.ToLower(r))
	}
	sum := sha256.Sum256([]byte(name + "\n" + strings.Join(names, ",")))
	return fmt.Sprintf("secret-%s-%x", readable[:min(len(readable), 40)], sum[:4])
}

// SetSecret stores a value and its grant. The grant is stored last, so that it never names a Secret that does not
// exist.
func (c *Cluster) SetSecret(ctx context.Context, g ci.Grant, value []byte) error {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: g.ID},
		Data:       map[string][]byte{SecretKey: value},
	}
	secrets := c.Client.CoreV1().Secrets(c.Namespace)
	_, err := secrets.Create(ctx, secret, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = secrets.Update(ctx, secret, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("set secret %s: %w", g.Name, err)
	}
	return c.SetGrant(ctx, g)
}

// SetGrant replaces the grant of a secret.
func (c *Cluster) SetGrant(ctx context.Context, g ci.Grant) error {
	grant := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Name:   g.ID,
		Labels: map[string]string{GrantLabel: "secret"},
		Annotations: map[string]string{
			SecretNameAnnotation:   g.Name,
			RepositoriesAnnotation: strings.Join(g.Repositories, ","),
			EventsAnnotation:       strings.Join(g.Events, ","),
			BranchesAnnotation:     strings.Join(g.Branches, ","),
		},
	}}
	configMaps := c.Client.CoreV1().ConfigMaps(c.Namespace)
	_, err := configMaps.Create(ctx, grant, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = configMaps.Update(ctx, grant, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("set grant %s: %w", g.ID, err)
	}
	return nil
}

// RemoveSecret deletes the grant of a secret, then its value. It succeeds if they are gone already.
func (c *Cluster) RemoveSecret(ctx context.Context, id string) error {
	err := c.Client.CoreV1().ConfigMaps(c.Namespace).Delete(ctx, id, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("remove grant %s: %w", id, err)
	}
	err = c.Client.CoreV1().Secrets(c.Namespace).Delete(ctx, id, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("remove secret %s: %w", id, err)
	}
	return nil
}
