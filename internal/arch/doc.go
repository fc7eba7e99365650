// Package arch holds no code, only the tests that keep the rules of
// ARCHITECTURE.md. Each rule carries its reason.
package arch
