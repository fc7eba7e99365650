package doctor

import "strings"

// RequiredPermissions returns the permissions of deploy/base/rbac.yaml and, if forks names a namespace for pull
// requests from forks, those of deploy/forks.
func RequiredPermissions(namespace, forks string) []Permission {
	var all []Permission
	add := func(namespace, group, resource, verbs string) {
		resource, sub, _ := strings.Cut(resource, "/")
		for _, verb := range strings.Fields(verbs) {
			all = append(all, Permission{
				Namespace:   namespace,
				Group:       group,
				Resource:    resource,
				Subresource: sub,
				Verb:        verb,
			})
		}
	}
	for _, ns := range []string{namespace, forks} {
		if ns == "" {
			continue
		}
		add(ns, "batch", "jobs", "create get list watch patch delete")
		add(ns, "", "pods", "get list watch")
		add(ns, "", "pods/log", "get")
		add(ns, "", "secrets", "create update delete")
		add(ns, "", "events", "list")
		add(ns, "", "limitranges", "list")
	}
	add(namespace, "", "configmaps", "list")
	add(namespace, "coordination.k8s.io", "leases", "create get update")
	add("", "", "nodes", "list")
	return all
}

// ExcessivePermissions returns permissions that a server should not have, since an attacker who breaks into it would
// have them as well.
func ExcessivePermissions(namespace string) []Permission {
	return []Permission{
		{Namespace: namespace, Resource: "secrets", Verb: "get"},
		{Namespace: namespace, Resource: "secrets", Verb: "list"},
		{Namespace: namespace, Resource: "pods", Subresource: "exec", Verb: "create"},
		{Namespace: namespace, Resource: "pods", Verb: "create"},
		{Namespace: namespace, Group: "rbac.authorization.k8s.io", Resource: "rolebindings", Verb: "create"},
		{Resource: "nodes", Verb: "delete"},
	}
}

// String returns a permission as in "create jobs.batch in yaci-builds".
func (p Permission) String() string {
	s := p.Verb + " " + p.Resource
	if p.Group != "" {
		s += "." + p.Group
	}
	if p.Subresource != "" {
		s += "/" + p.Subresource
	}
	if p.Namespace != "" {
		s += " in " + p.Namespace
	}
	return s
}

func joinPermissions(permissions []Permission) string {
	words := make([]string, len(permissions))
	for i, p := range permissions {
		words[i] = p.String()
	}
	return strings.Join(words, ", ")
}

func checkPermissions(c Cluster) Finding {
	f := Finding{Check: "cluster permissions"}
	switch {
	case c.Err != nil:
		f.Check = "cluster"
		f.Level = Problem
		f.Summary = c.Err.Error()
		f.Fix = "Check KUBECONFIG, or the pod's service account, and that the API server can be reached."
	case len(c.Missing) > 0:
		f.Level = Problem
		f.Summary = "Missing: " + joinPermissions(c.Missing) + "."
		f.Fix = "Apply deploy/base/rbac.yaml (deploy/forks for the namespace of forks) and run as its service account."
	case len(c.Excessive) > 0:
		f.Level = Warning
		f.Summary = "More than the server needs: " + joinPermissions(c.Excessive) + "."
		f.Fix = "Give the server only the permissions in deploy/base/rbac.yaml. " +
			"Ignore this if you run yaci doctor as yourself."
	default:
		return good(f.Check, "Everything that is required, and nothing that is not.")
	}
	return f
}
