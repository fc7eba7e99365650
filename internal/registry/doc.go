// Package registry asks container registries what images are made to run. Whoever
// writes a .yaci.yml chooses the registry, so everything that one says is
// untrusted, and bounded in time, size and address.
package registry
