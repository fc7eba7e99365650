// Package registry looks up in container registries what images are made to run. The author of a .yaci.yml chooses the
// registry, so its answers are untrusted, and limited in time, size and address.
package registry
