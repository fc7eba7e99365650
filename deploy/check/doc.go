// Package check holds no code, only the tests of what is deployed: the kustomize
// base and the Helm chart are the same objects, and none of them may more than it
// needs. It is a module of its own, so that YACI needs neither tool.
package check
