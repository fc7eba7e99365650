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

// A secret is two objects of one name: a Secret with the value, which only the
// kubelet reads, and a ConfigMap whose annotations grant it. So the server, which
// reads grants, needs no right to read Secrets.
const (
	GrantLabel             = "yaci.dev/grant"
	SecretNameAnnotation   = "yaci.dev/secret"
	RepositoriesAnnotation = "yaci.dev/repositories"
	EventsAnnotation       = "yaci.dev/events"
	BranchesAnnotation     = "yaci.dev/branches"
	// SecretKey is where in the Secret the value is.
	SecretKey = "value"
)

// Grants lists what is granted, by id. It never reads a Secret.
func (c *Cluster) Grants(ctx context.Context) ([]ci.Grant, error) {
	list, err := c.Client.CoreV1().ConfigMaps(c.Namespace).List(ctx, metav1.ListOptions{LabelSelector: GrantLabel})
	if err != nil {
		return nil, fmt.Errorf("grants: %w", err)
	}
	var grants []ci.Grant
	for _, m := range list.Items {
		grants = append(grants, grant(m))
	}
	slices.SortFunc(grants, func(a, b ci.Grant) int { return strings.Compare(a.ID, b.ID) })
	return grants, nil
}

// grant reads annotations, which people may have written: what is not understood grants nothing.
func grant(m corev1.ConfigMap) ci.Grant {
	list := func(annotation string) []string {
		return strings.FieldsFunc(m.Annotations[annotation], func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
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

// SecretID is the name of the objects of a secret, for the repositories that it
// is first granted to.
func SecretID(name string, repositories []string) string {
	readable := strings.Trim(strings.ReplaceAll(strings.ToLower(name), "_", "-"), "-")
	var named []string
	for _, r := range repositories { // the same with the number of the repository and without
		r, _, _ = strings.Cut(r, "#")
		named = append(named, strings.ToLower(r))
	}
	sum := sha256.Sum256([]byte(name + "\n" + strings.Join(named, ",")))
	return fmt.Sprintf("secret-%s-%x", readable[:min(len(readable), 40)], sum[:4])
}

// SetSecret stores a value and what it is granted to. The grant comes last, so
// that it never names a Secret that is not there.
func (c *Cluster) SetSecret(ctx context.Context, g ci.Grant, value []byte) error {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: g.ID}, Data: map[string][]byte{SecretKey: value}}
	_, err := c.Client.CoreV1().Secrets(c.Namespace).Create(ctx, s, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = c.Client.CoreV1().Secrets(c.Namespace).Update(ctx, s, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("set secret %s: %w", g.Name, err)
	}
	return c.SetGrant(ctx, g)
}

// SetGrant replaces what a secret is granted to.
func (c *Cluster) SetGrant(ctx context.Context, g ci.Grant) error {
	m := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Name:   g.ID,
			Labels: map[string]string{GrantLabel: "secret"},
			Annotations: map[string]string{
				SecretNameAnnotation: g.Name, RepositoriesAnnotation: strings.Join(g.Repositories, ","),
				EventsAnnotation: strings.Join(g.Events, ","), BranchesAnnotation: strings.Join(g.Branches, ","),
			},
		},
	}
	_, err := c.Client.CoreV1().ConfigMaps(c.Namespace).Create(ctx, m, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = c.Client.CoreV1().ConfigMaps(c.Namespace).Update(ctx, m, metav1.UpdateOptions{})
	}
	if err != nil {
		return fmt.Errorf("grant %s: %w", g.ID, err)
	}
	return nil
}

// RemoveSecret takes the grant away, then the value; what is gone is fine.
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
