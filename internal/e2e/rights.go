package e2e

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// InstallRights gives the service account of deploy/base the rights that deploy/base
// gives it, in a namespace of builds, and writes a kubeconfig that is that account.
// Every end-to-end test runs the server with these rights, and no others.
func InstallRights(t *testing.T, space, file string) {
	t.Helper()
	client := Clientset(t)
	account, roles, bindings := shipped(t, client)
	_, err := client.CoreV1().
		Namespaces().
		Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: account.Namespace}}, metav1.CreateOptions{})
	there(t, err)
	_, err = client.CoreV1().ServiceAccounts(account.Namespace).Create(t.Context(), &account, metav1.CreateOptions{})
	there(t, err)
	for _, r := range roles {
		r.Namespace = space
		if _, err = client.RbacV1().Roles(space).Create(t.Context(), &r, metav1.CreateOptions{}); apierrors.IsAlreadyExists(
			err,
		) {
			_, err = client.RbacV1().Roles(space).Update(t.Context(), &r, metav1.UpdateOptions{})
		}
		there(t, err)
	}
	for _, b := range bindings {
		b.Namespace = space
		_, err = client.RbacV1().RoleBindings(space).Create(t.Context(), &b, metav1.CreateOptions{})
		there(t, err)
	}
	writeKubeconfig(t, client, account, file)
}

// there passes what was made, and what was there.
func there(t *testing.T, err error) {
	t.Helper()
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

// shipped is what deploy/base says of the server's rights; those that belong to no namespace are given at once.
func shipped(
	t *testing.T,
	client kubernetes.Interface,
) (account corev1.ServiceAccount, roles []rbacv1.Role, bindings []rbacv1.RoleBinding) {
	t.Helper()
	docs := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(must(os.ReadFile("../../deploy/base/rbac.yaml"))(t)), 4096)
	for {
		var raw struct {
			metav1.TypeMeta   `json:",inline"`
			metav1.ObjectMeta `json:"metadata"`
			Rules             []rbacv1.PolicyRule `json:"rules"`
			RoleRef           rbacv1.RoleRef      `json:"roleRef"`
			Subjects          []rbacv1.Subject    `json:"subjects"`
		}
		if err := docs.Decode(&raw); errors.Is(err, io.EOF) {
			return account, roles, bindings
		} else if err != nil {
			t.Fatal(err)
		}
		switch raw.Kind {
		case "ServiceAccount":
			account = corev1.ServiceAccount{ObjectMeta: raw.ObjectMeta}
		case "Role":
			roles = append(roles, rbacv1.Role{ObjectMeta: raw.ObjectMeta, Rules: raw.Rules})
		case "ClusterRole":
			_, err := client.RbacV1().
				ClusterRoles().
				Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: raw.ObjectMeta, Rules: raw.Rules}, metav1.CreateOptions{})
			there(t, err)
		case "ClusterRoleBinding":
			_, err := client.RbacV1().
				ClusterRoleBindings().
				Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: raw.ObjectMeta, RoleRef: raw.RoleRef, Subjects: raw.Subjects}, metav1.CreateOptions{})
			there(t, err)
		case "RoleBinding":
			bindings = append(
				bindings,
				rbacv1.RoleBinding{ObjectMeta: raw.ObjectMeta, RoleRef: raw.RoleRef, Subjects: raw.Subjects},
			)
		default:
			t.Fatalf("deploy/base/rbac.yaml: %s is new; give it to the tests' server too", raw.Kind)
		}
	}
}

func writeKubeconfig(t *testing.T, client kubernetes.Interface, account corev1.ServiceAccount, file string) {
	t.Helper()
	token := must(
		client.CoreV1().
			ServiceAccounts(account.Namespace).
			CreateToken(t.Context(), account.Name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{}),
	)(
		t,
	)
	admin := must(clientcmd.NewDefaultClientConfigLoadingRules().Load())(t)
	here := *admin.Contexts[admin.CurrentContext]
	here.AuthInfo = account.Name
	cfg := api.Config{
		Clusters:       map[string]*api.Cluster{here.Cluster: admin.Clusters[here.Cluster]},
		AuthInfos:      map[string]*api.AuthInfo{account.Name: {Token: token.Status.Token}},
		Contexts:       map[string]*api.Context{account.Name: &here},
		CurrentContext: account.Name,
	}
	if err := clientcmd.WriteToFile(cfg, file); err != nil {
		t.Fatal(err)
	}
}
