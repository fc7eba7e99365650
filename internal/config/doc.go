// Package config is the one documented struct of what an operator can set. The
// command line fills it from flags and environment; nothing else reads either.
package config
